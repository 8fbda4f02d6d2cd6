/** Makes the file of a lent tenant whole by itself again: nothing is in its log, and it says its checksum (LEDGER X1). */
import { join } from 'node:path'
import { type Clock, sleep, TenaxError } from '@tenax/kernel'
import {
  acquireProcessLock,
  allCollected,
  type EngineDriver,
  holdsMainFile,
  type LockHolder,
  type ProcessLock,
  SqliteFile,
  type SqliteFileSettings,
} from '@tenax/sqlite'
import { stampWhole } from '../durability/carried-checksum.ts'
import { isSettled, type LentPlace, lockOfLent } from '../files/lent-files.ts'
import { LENT_KILL_MS, LENT_LOOK_MS, LENT_WAIT_MS_MAX } from '../limits.ts'

/** What taking a file back needs. */
export interface SettleContext {
  readonly driver: EngineDriver
  readonly clock: Clock
  readonly settings: SqliteFileSettings
  readonly pid: number
  /** Ends the process that still has the file; only ever one that the kernel says has its lock. */
  readonly kill: (pid: number) => void
}

/** Moves the log of an open file into it, and stamps it. */
export async function settleFile(file: SqliteFile): Promise<void> {
  await moved(file)
  await stampWhole(file)
  await moved(file)
}

async function moved(file: SqliteFile): Promise<void> {
  if (await file.checkpoint()) return
  throw new TenaxError('unavailable', 'another process holds a lock on the database file', { hint: 'close it there' })
}

/**
 * Waits until nobody has the file at `place`, and makes it whole if whoever had it did not.
 *
 * @throws TenaxError `unavailable` when it is not to be had
 */
export async function settlePlace(context: SettleContext, { directory, file: name }: LentPlace): Promise<void> {
  if (name === undefined) return
  const lock = await lockPlace(context, directory)
  try {
    if (isSettled(directory)) return
    const path = join(directory, `${name}.db`)
    const { driver, settings, clock } = context
    const file = SqliteFile.open(path, { driver, settings, nowMs: () => clock.monotonicMs(), synchronous: 'full' })
    try {
      await settleFile(file)
    } finally {
      file.close()
    }
    await refuseIfHeld(path)
  } finally {
    lock.release()
  }
}

/** A connection of this process that lingers would share what it knows of the file with the next one, under another name. */
export async function refuseIfHeld(path: string): Promise<void> {
  await allCollected()
  if (!holdsMainFile(path)) return
  throw new TenaxError('unavailable', 'the database file is still open in this process', { hint: 'try again' })
}

async function lockPlace(context: SettleContext, directory: string): Promise<ProcessLock> {
  const { driver, clock, pid, kill } = context
  const sinceMs = clock.monotonicMs()
  let isKilled = false
  for (;;) {
    const lock: ProcessLock | LockHolder = acquireProcessLock(driver, lockOfLent(directory), {
      pid,
      startedAtMs: clock.nowMs(),
    })
    if ('release' in lock) return lock
    const waitedMs = clock.monotonicMs() - sinceMs
    if (waitedMs > LENT_WAIT_MS_MAX) {
      throw new TenaxError('unavailable', `process ${lock.pid} does not give a tenant back`, { hint: 'end it' })
    }
    if (waitedMs > LENT_KILL_MS && !isKilled) {
      kill(lock.pid)
      isKilled = true
    }
    await sleep(clock, LENT_LOOK_MS)
  }
}
