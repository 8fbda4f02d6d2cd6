/** From a catalog row to an open, identified, migrated handle; or to a tenant that is quarantined with the reason. */
import { type Clock, InvariantError, isTenaxError, messageOf, type RandomId, TenaxError } from '@tenax/kernel'
import { type EngineDriver, SqliteFile, type SqliteFileSettings } from '@tenax/sqlite'
import type { TenantRecord } from './catalog.ts'
import { Handle } from './handle.ts'
import { identify } from './identity.ts'
import { type Migration, MigrationError, migrate } from './migrations.ts'

/** What opening any tenant needs. `quarantine` writes the reason into the catalog and fences the handle. */
export interface OpeningContext {
  readonly driver: EngineDriver
  readonly clock: Clock
  readonly randomId: RandomId
  readonly fileSettings: SqliteFileSettings
  readonly migrations: readonly Migration[]
  readonly quarantine: (record: TenantRecord, reason: string) => void
}

/**
 * Opens the file of `record` at `path`.
 *
 * @throws TenaxError `tenant_quarantined` when the file, its identity or a migration is at fault
 */
export async function openHandle(context: OpeningContext, record: TenantRecord, path: string): Promise<Handle> {
  let file: SqliteFile | undefined
  try {
    file = SqliteFile.open(path, {
      driver: context.driver,
      settings: context.fileSettings,
      nowMs: () => context.clock.monotonicMs(),
    })
    const meta = identify(file, record.incarnation, context.randomId)
    await migrate(file, context.clock, context.migrations)
    const onDamage = (reason: string) => context.quarantine(record, reason)
    return new Handle({ record, meta, file, clock: context.clock, onDamage })
  } catch (error) {
    file?.close()
    const reason = quarantineReasonOf(error)
    if (reason === undefined) throw error
    context.quarantine(record, reason)
    throw quarantined(record, reason, error)
  }
}

/** The reason to stop this tenant, or undefined when the failure is of the moment (a lock, a lack of descriptors). */
function quarantineReasonOf(error: unknown): string | undefined {
  if (error instanceof MigrationError) return error.message
  if (error instanceof InvariantError) return error.message
  if (isTenaxError(error, 'internal')) return `the database file cannot be opened: ${error.message}`
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'the database file is missing'
  return isTenaxError(error) ? undefined : `the database file cannot be opened: ${messageOf(error)}`
}

/** The answer to every request for a quarantined tenant. */
export function quarantined(record: TenantRecord, reason: string, cause?: unknown): TenaxError {
  return new TenaxError('tenant_quarantined', `tenant "${record.id}" is quarantined: ${reason}`, {
    cause,
    hint: 'mend the cause, then POST /v1/tenants/:id/resume',
    details: { reason },
  })
}
