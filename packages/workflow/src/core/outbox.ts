/** What rides on the next commit: outputs and decisions, silent while they are replayed (WORKFLOWS 5 and 6). */
import type { History, Output } from './history.ts'

/** Outputs and decisions of one execution. */
export class Outbox {
  #silentCount: number
  #outputs: Output[] = []
  #patches = new Map<string, boolean>()
  readonly #decided: Map<string, boolean>

  constructor({ outputCount, patches }: History) {
    this.#silentCount = outputCount
    this.#decided = new Map(Object.entries(patches))
  }

  put(output: Output): void {
    if (this.#silentCount > 0) this.#silentCount -= 1
    else this.#outputs.push(output)
  }

  /** The decision for `id`, made by `decide` when there is none yet. */
  decide(id: string, decide: () => boolean): boolean {
    const known = this.#decided.get(id)
    if (known !== undefined) return known
    const decision = decide()
    this.#decided.set(id, decision)
    this.#patches.set(id, decision)
    return decision
  }

  /** What was put since it was last taken. */
  take(): { outputs: readonly Output[]; patches: Readonly<Record<string, boolean>> } {
    const taken = { outputs: this.#outputs, patches: Object.fromEntries(this.#patches) }
    this.#outputs = []
    this.#patches = new Map()
    return taken
  }
}
