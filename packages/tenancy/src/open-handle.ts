/** From a catalog row to an open, identified, migrated handle; or to a tenant that is quarantined with the reason. */
import {
  type Clock,
  type DurabilityClass,
  InvariantError,
  isTenaxError,
  type RandomId,
  sleep,
  TenaxError,
} from '@tenax/kernel'
import { type EngineDriver, hostFailure, SqliteFile, type SqliteFileSettings } from '@tenax/sqlite'
import type { TenantRecord } from './catalog-rows.ts'
import { attachJournal } from './durability/attach-journal.ts'
import type { HostLedger } from './durability/host-ledger.ts'
import type { Journal } from './durability/journal.ts'
import type { DiskGuard } from './files/disk-guard.ts'
import { Handle } from './handle.ts'
import { type Migration, MigrationError, migrate } from './migrations.ts'

/** What opening any tenant needs. `quarantine` writes the reason into the catalog and fences the handle. */
export interface OpeningContext {
  readonly driver: EngineDriver
  readonly clock: Clock
  readonly randomId: RandomId
  readonly ledger: HostLedger
  readonly disk: DiskGuard
  readonly fileSettings: SqliteFileSettings
  readonly migrations: readonly Migration[]
  /** The tenant's class at the moment. */
  readonly durability: () => DurabilityClass
  readonly quarantine: (record: TenantRecord, reason: string) => void
}

/**
 * Opens the file of `record` at `path`.
 *
 * @throws TenaxError `tenant_quarantined` when the file, its identity or a migration is at fault
 */
export async function openHandle(context: OpeningContext, record: TenantRecord, path: string): Promise<Handle> {
  let file: SqliteFile | undefined
  let journal: Journal | undefined
  try {
    file = await openPatiently(context, path)
    journal = attachJournal(context, file, record.incarnation)
    await migrate(file, context.clock, context.migrations)
    journal.guard(context.disk) // from now on: who reads a tenant on a low disk must be able to open it
    const meta = { incarnation: record.incarnation, lineage: journal.lineage }
    const onDamage = (reason: string) => context.quarantine(record, reason)
    const { clock, durability } = context
    return new Handle({ record, meta, file, journal, clock, durability, onDamage })
  } catch (thrown) {
    const error = hostFailure(thrown)
    const isSound = !(error instanceof InvariantError)
    const doubt = await letGo({ ...(file && { file }), ...(journal && { journal }), isSound })
    const isOfTheMoment = doubt === undefined && shortageOf(error) !== undefined
    const reason = isOfTheMoment ? undefined : (doubt ?? quarantineReasonOf(error))
    if (reason === undefined) throw shortageOf(error) ?? error
    context.quarantine(record, reason)
    throw quarantined(record, reason, error)
  }
}

/**
 * Closes a file that was not opened all the way. Its log is moved into the main file if that is sound; else it stays, but
 * the ledger has all of it before the connection is closed, because that may move it at any time later (LEDGER K4). Gives
 * the reason to stop the tenant when the checkpoint left the main file in doubt.
 */
async function letGo({ file, journal, isSound }: HalfOpen): Promise<string | undefined> {
  let doubt: string | undefined
  if (journal !== undefined) {
    if (isSound) {
      await journal.checkpoint().catch((error: unknown) => {
        if (error instanceof InvariantError) doubt = error.message // else the log is found there again
      })
    }
    await journal.settled()
    journal.close()
  }
  file?.close()
  return doubt
}

interface HalfOpen {
  readonly file?: SqliteFile
  readonly journal?: Journal
  readonly isSound: boolean
}

/**
 * Takes over the file of a stopped tenant as it lies there, mended or not: what its log holds gets a number and goes to the
 * ledger, then into the main file, which is synced whatever was done to it. One whose checksum was known must still have it
 * (LEDGER X1); the checksum of any other is known from here on.
 *
 * @throws TenaxError `tenant_quarantined` when the file is not fit for that; `storage_full`, `unavailable`, `overloaded`
 */
export async function adoptFile(context: OpeningContext, record: TenantRecord, path: string): Promise<void> {
  let file: SqliteFile | undefined
  let journal: Journal | undefined
  try {
    file = await openPatiently(context, path)
    await file.syncMain()
    journal = attachJournal(context, file, record.incarnation)
    if (!(await journal.checkpoint())) throw inTheWay()
    await journal.verifyMain()
    await letGo({ file, journal, isSound: true })
  } catch (error) {
    const reason = stopReasonOf(error)
    await letGo({ ...(file && { file }), ...(journal && { journal }), isSound: false })
    if (reason === undefined) throw shortageOf(error) ?? error
    throw quarantined(record, reason, error)
  }
}

function inTheWay(): TenaxError {
  return new TenaxError('unavailable', 'another process holds a lock on the database file', { hint: 'close it there' })
}

/** Waits between tries to open a file, in milliseconds. */
const OPEN_WAITS_MS: readonly number[] = [5, 20, 50, 100, 200]

/**
 * Opens the file, again if need be: a connection of ours that was closed earlier ends only when it is collected, and takes
 * `-wal` and `-shm` with it; who opens at that very moment is told SQLITE_CANTOPEN.
 */
async function openPatiently({ driver, fileSettings, clock }: OpeningContext, path: string): Promise<SqliteFile> {
  const nowMs = () => clock.monotonicMs()
  const open = () => SqliteFile.open(path, { driver, settings: fileSettings, nowMs, synchronous: 'off' })
  for (const waitMs of OPEN_WAITS_MS) {
    try {
      return open()
    } catch (error) {
      if (!isTenaxError(error) || systemCodeOf(error) !== 'SQLITE_CANTOPEN') throw error
      await sleep(clock, waitMs)
    }
  }
  return open()
}

/** Shortages of the process or the machine, which say nothing about the tenant's file. */
const SHORTAGES: ReadonlySet<string> = new Set([
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'EAGAIN',
  'SQLITE_NOMEM',
  'SQLITE_CANTOPEN',
])

/** The reason to stop a tenant whose file could not be taken over; undefined when the failure is of the moment or the machine. */
export function stopReasonOf(error: unknown): string | undefined {
  return shortageOf(error) === undefined ? quarantineReasonOf(error) : undefined
}

/** The reason to stop this tenant, without any path; undefined when the failure is of the moment (a lock, a shortage). */
function quarantineReasonOf(error: unknown): string | undefined {
  if (error instanceof MigrationError || error instanceof InvariantError) return error.message
  if (isTenaxError(error) && error.kind !== 'internal') return undefined
  const code = systemCodeOf(error)
  if (code === 'ENOENT') return 'the database file is missing'
  return `the database file cannot be opened (${code})`
}

function systemCodeOf(error: unknown): string {
  if (isTenaxError(error)) return String(error.details['sqliteCode'] ?? error.code)
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown failure'
}

/** A shortage, as the caller should hear of it. */
function shortageOf(error: unknown): TenaxError | undefined {
  const code = systemCodeOf(error)
  if (!SHORTAGES.has(code)) return undefined
  return new TenaxError('unavailable', `the host is short of resources (${code})`, {
    cause: error,
    hint: 'raise the limit of open files, or lower handlesMax',
  })
}

/** The answer to every request for a quarantined tenant. */
export function quarantined(record: TenantRecord, reason: string, cause?: unknown): TenaxError {
  return new TenaxError('tenant_quarantined', `tenant "${record.id}" is quarantined: ${reason}`, {
    cause,
    hint: 'mend the cause, then POST /v1/tenants/:id/resume',
    details: { reason },
  })
}
