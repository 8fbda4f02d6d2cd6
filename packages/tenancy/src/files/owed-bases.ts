/**
 * Incarnations that have commits in no stored ledger and in no snapshot, one empty file each below `ledgers/owed/`: what they commit
 * builds on what is in no store, so nothing of it is `remote` before a snapshot has been taken (LEDGER D3, O3).
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Incarnation, parseIncarnation } from '@tenax/kernel'
import { syncDirectory } from '@tenax/sqlite'

/** What is owed to the store by one data directory. */
export class OwedBases {
  readonly #path: string
  readonly #owed = new Map<Incarnation, PromiseWithResolvers<void>>()

  /** Reads what earlier processes have left. */
  constructor(path: string) {
    this.#path = path
    mkdirSync(path, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(path)) {
      const incarnation = parseIncarnation(name)
      if (incarnation !== undefined) this.#owed.set(incarnation, Promise.withResolvers())
    }
  }

  get count(): number {
    return this.#owed.size
  }

  has(incarnation: Incarnation): boolean {
    return this.#owed.has(incarnation)
  }

  all(): Incarnation[] {
    return [...this.#owed.keys()]
  }

  /** Resolves when the incarnation owes nothing. */
  async settled(incarnation: Incarnation): Promise<void> {
    await this.#owed.get(incarnation)?.promise
  }

  /** From now on it does, durably. */
  add(incarnation: Incarnation): void {
    if (this.#owed.has(incarnation)) return
    writeFileSync(join(this.#path, incarnation), '', { mode: 0o600 })
    syncDirectory(this.#path)
    this.#owed.set(incarnation, Promise.withResolvers())
  }

  /** Its last commit is in a snapshot. A crash may bring the debt back: then one more snapshot is taken. */
  settle(incarnation: Incarnation): void {
    rmSync(join(this.#path, incarnation), { force: true })
    this.#owed.get(incarnation)?.resolve()
    this.#owed.delete(incarnation)
  }
}
