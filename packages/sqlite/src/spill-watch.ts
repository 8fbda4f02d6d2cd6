/**
 * Notices that a transaction has outgrown the memory that it may have (LEDGER C4, decision 0021): SQLite then writes pages to
 * the log before COMMIT, a *spill*. The connection holds the write lock, so that nobody else writes there: whatever happens to
 * the log between BEGIN and COMMIT is a spill.
 *
 * The log is looked at by its directory entry, before the first statement that may run for long. What runs before on the event
 * loop is stopped after some milliseconds, and changes a hundredth of the limit in them.
 */
import { statSync } from 'node:fs'
import { MIB_BYTES, TenaxError } from '@tenax/kernel'
import { PAGE_BYTES, TRANSACTION_PAGES_MAX } from './limits.ts'

/** The watch over one file's log. */
export class SpillWatch {
  readonly #path: string
  #before: string | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** Says that a transaction begins. */
  began(): void {
    this.#before = undefined
  }

  /** Remembers the log as it is, unless that was done since BEGIN. */
  note(): void {
    this.#before ??= this.#look()
  }

  /** True when the log is not what it was. */
  hasSpilled(): boolean {
    return this.#before !== undefined && this.#before !== this.#look()
  }

  /** The time as well: a log that was begun anew in place does not grow. */
  #look(): string {
    const entry = statSync(this.#path, { bigint: true, throwIfNoEntry: false })
    return entry === undefined ? '' : `${entry.size} ${entry.mtimeNs}`
  }
}

/** The answer to whoever changed so much at once. */
export function transactionTooLarge(): TenaxError {
  const bytes = TRANSACTION_PAGES_MAX * PAGE_BYTES
  const limit = `${Math.floor(bytes / MIB_BYTES)} MiB`
  return new TenaxError(
    'transaction_too_large',
    `the transaction changes more than ${limit} of pages; nothing of it was done`,
    {
      hint: 'do the work in several transactions',
      details: { sqliteCode: 'SQLITE_TOOBIG', bytesMax: bytes },
    },
  )
}
