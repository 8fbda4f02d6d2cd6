/** A tenant's file in memory, behind the queue and the statements that a host's tenants have: what `tenax/testing` works on. */
import { type Clock, parseTenantId, type RandomId } from '@tenax/kernel'
import { type EngineDriver, SqliteFile } from '@tenax/sqlite'
import { Handle } from '../handle.ts'
import { newLineage, writeIdentity } from '../identity.ts'
import { newFileName, newRecord } from '../lifecycle/create.ts'
import { checkMigrations, type Migration, migrate } from '../migrations.ts'
import { standardSettings } from '../standard-settings.ts'
import { TENANT_SCHEMA } from '../tenant-schema.ts'
import { unlogged } from './file-journal.ts'

/** What such a file is made with. `clock` measures; it is not the calendar of what runs on the file. */
export interface MemoryOptions {
  readonly tenant: string
  readonly driver: EngineDriver
  readonly clock: Clock
  readonly randomId: RandomId
  readonly migrations: readonly Migration[]
}

/**
 * Makes one, with all migrations applied. Nothing of it outlives its last user, and there is no ledger: everything that is
 * committed counts as durable.
 *
 * @throws TenaxError `config_invalid`; Error when a migration fails
 */
export async function openInMemory(options: MemoryOptions): Promise<Handle> {
  const { tenant, driver, clock, randomId, migrations } = options
  checkMigrations(migrations)
  const settings = standardSettings('').file
  const file = SqliteFile.inMemory(TENANT_SCHEMA, { driver, settings, nowMs: () => clock.monotonicMs() })
  const name = newFileName(randomId)
  const meta = { incarnation: name.incarnation, lineage: newLineage(randomId) }
  writeIdentity(file, meta, 1)
  await migrate(file, clock, migrations)
  const record = newRecord(parseTenantId(tenant), name, 'warm', clock.nowMs())
  const onDamage = (reason: string): never => {
    throw new Error(reason)
  }
  return new Handle({ record, meta, file, journal: unlogged(file), clock, onDamage })
}
