/** Tenants' files outside any host, with no ledger under them: what the bench of the ledger compares it with. */
import { join } from 'node:path'
import { type Clock, parseTenantId } from '@tenax/kernel'
import { libsqlDriver, makeTemplate, SqliteFile, type SqliteFileSettings, writeNewFile } from '@tenax/sqlite'
import { Handle } from '../handle.ts'
import { newLineage, writeIdentity } from '../identity.ts'
import { newFileName, newRecord } from '../lifecycle/create.ts'
import { systemRandomId } from '../system-ids.ts'
import { TENANT_SCHEMA } from '../tenant-schema.ts'
import { unlogged } from './file-journal.ts'

/** What files without a ledger are opened with. */
export interface UnloggedOptions {
  /** An existing directory, without files of this name. */
  readonly directory: string
  readonly count: number
  /** `full`: each commit waits for the disk by itself. `off`: none does, and a crash may take any of them. */
  readonly synchronous: 'full' | 'off'
  readonly settings: SqliteFileSettings
  readonly clock: Clock
}

/**
 * Makes new files and opens them, each behind the same queue and the same statements as a tenant of a host has.
 *
 * @example
 * const handles = openUnlogged({ directory, count: 200, synchronous: 'full', settings, clock })
 * await Promise.all(handles.map((handle) => handle.close('drain')))
 */
export function openUnlogged({ directory, count, synchronous, settings, clock }: UnloggedOptions): Handle[] {
  const template = makeTemplate(libsqlDriver, join(directory, 'template.db'), TENANT_SCHEMA)
  return Array.from({ length: count }, (_, index) => {
    const path = join(directory, `${index}.db`)
    writeNewFile(path, template)
    const file = SqliteFile.open(path, {
      driver: libsqlDriver,
      settings,
      nowMs: () => clock.monotonicMs(),
      synchronous,
    })
    const name = newFileName(systemRandomId)
    const meta = { incarnation: name.incarnation, lineage: newLineage(systemRandomId) }
    writeIdentity(file, meta, 1)
    const record = newRecord(parseTenantId(`unlogged-${index}`), name, 'warm', clock.nowMs())
    return new Handle({ record, meta, file, journal: unlogged(file), clock, onDamage: failLoudly })
  })
}

function failLoudly(reason: string): never {
  throw new Error(reason)
}
