/**
 * Runs that something unexpected threw out of memory, a defect of the engine or of what it is made of: each is left alone for a
 * while, longer from one time to the next, and put aside in the end, so that its tenant's other runs go on.
 */
import { messageOf } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { MESSAGE_CHARS_MAX, RUN_FAULT_FIRST_MS, RUN_FAULTS_MAX } from './limits.ts'
import type { Effects } from './store/announcement.ts'
import { writeLater } from './store/claims.ts'
import { writeBlocked } from './store/runs.ts'

/** A run that was thrown out of memory, and of what. */
export interface RunFault {
  readonly number: number
  readonly id: string
  readonly error: unknown
  /** Of its workflow: other code tries it again. */
  readonly codeHash: string
}

/** Faults in a row, by the numbers of runs. In memory: behind a restart, or where tenants take turns, they are counted anew. */
export class RunFaults {
  readonly #counts = new Map<number, number>()

  /** Counts one more; gives what is to be recorded of it: when the run is tried again, or that it is put aside. */
  next({ number, id, error, codeHash }: RunFault, nowMs: number): (file: SqliteFile, effects: Effects) => void {
    const count = (this.#counts.get(number) ?? 0) + 1
    if (count < RUN_FAULTS_MAX) {
      this.#counts.set(number, count)
      const againAtMs = nowMs + RUN_FAULT_FIRST_MS * 2 ** (count - 1)
      return (file) => writeLater(file, number, againAtMs)
    }
    this.#counts.delete(number)
    const reason = `engine_fault: ${messageOf(error)}`.slice(0, MESSAGE_CHARS_MAX)
    return (file, { notices }) => {
      if (writeBlocked(file, number, reason, codeHash)) notices.push({ run: number, type: 'blocked', id, reason })
    }
  }

  /** The run got somewhere. */
  forget(number: number): void {
    this.#counts.delete(number)
  }
}
