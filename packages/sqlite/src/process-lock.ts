/**
 * One process at a time: a lock that the kernel takes back when its holder dies, however it dies. Node has no `flock`, so
 * the lock is SQLite's own: a transaction that has written nothing yet and is never committed holds RESERVED on a small
 * file, which excludes every other writer and lets readers learn who holds it.
 */
import type { EngineConnection, EngineDriver } from './driver.ts'
import { isBusy } from './failure.ts'

/** Who holds the lock. */
export interface LockHolder {
  readonly pid: number
  readonly startedAtMs: number
}

/** A lock that is held until it is released or the process ends. */
export interface ProcessLock {
  /** Again does no harm. */
  release(): void
}

/** How long a starter waits for others that start at the same time. */
const STARTERS_WAIT_MS = 300

/** Takes the lock on the file at `path`, made if needed; or says who has it. */
export function acquireProcessLock(driver: EngineDriver, path: string, self: LockHolder): ProcessLock | LockHolder {
  const connection = driver.open(path)
  connection.script(`PRAGMA busy_timeout = ${STARTERS_WAIT_MS}`) // several may start at once, each for a moment
  try {
    writeHolder(connection, self)
    connection.prepare('BEGIN IMMEDIATE').get()
  } catch (error) {
    const holder = isBusy(error) ? readHolder(connection) : undefined
    connection.close()
    if (holder === undefined) throw error
    return holder
  }
  let isReleased = false
  return {
    release() {
      if (isReleased) return
      isReleased = true
      connection.prepare('ROLLBACK').get()
      connection.close()
    },
  }
}

function writeHolder(connection: EngineConnection, self: LockHolder): void {
  connection.prepare('BEGIN IMMEDIATE').get()
  connection
    .prepare('CREATE TABLE IF NOT EXISTS holder (pid INTEGER NOT NULL, started_at_ms INTEGER NOT NULL) STRICT')
    .get()
  connection.prepare('DELETE FROM holder').get()
  connection.prepare('INSERT INTO holder VALUES (?, ?)').get([BigInt(self.pid), BigInt(self.startedAtMs)])
  connection.prepare('COMMIT').get()
}

function readHolder(connection: EngineConnection): LockHolder | undefined {
  const [pid, startedAtMs] = connection.prepare('SELECT pid, started_at_ms FROM holder').get() ?? []
  return typeof pid === 'bigint' && typeof startedAtMs === 'bigint'
    ? { pid: Number(pid), startedAtMs: Number(startedAtMs) }
    : undefined
}
