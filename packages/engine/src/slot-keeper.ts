/** Slots of one tenant's runs: brought in order at the end of each commit, where anybody needs them. */
import type { SqliteFile } from '@tenax/sqlite'
import type { EngineParts } from './parts.ts'
import { hasSlotRuns, settleSlots } from './store/slots.ts'

/** What a runner knows of its tenant's slots. */
export class SlotKeeper {
  readonly #parts: Pick<EngineParts, 'registry' | 'only'>
  /** Asked once: runs under a limit that the code has no more are in the file by then. */
  #isNeeded: boolean | undefined

  constructor(parts: Pick<EngineParts, 'registry' | 'only'>) {
    this.#parts = parts
  }

  /** True when some runs had to be put in line, or were given a slot. */
  settle(file: SqliteFile): boolean {
    const { registry, only } = this.#parts
    // A run on probation is alone at work, and what it leaves is settled by the host that takes the tenant back.
    this.#isNeeded ??= only === undefined && (registry.hasSlots || hasSlotRuns(file))
    return this.#isNeeded && settleSlots(file, (workflow) => registry.slotCountMax(workflow))
  }
}
