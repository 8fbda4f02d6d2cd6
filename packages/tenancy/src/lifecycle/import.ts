/**
 * Import: upload, check, intent, rebuild to a path that was never used, then one catalog commit that makes it the
 * tenant's file. Until that commit the tenant that is there serves from its old file; after it the old file is waste.
 */
import { InvariantError, type TenantId, TenaxError } from '@tenax/kernel'
import {
  collectClosed,
  type EngineConnection,
  EngineError,
  hostFailure,
  noteScratchClose,
  rebuildInto,
  SqliteFile,
} from '@tenax/sqlite'
import type { ClosedFile } from '../archive/snapshot.ts'
import type { Intent, TenantRecord } from '../catalog-rows.ts'
import { stampWhole } from '../durability/carried-checksum.ts'
import { ScratchFile } from '../files/scratch-files.ts'
import { makeTenantDirectory, removeTenantFiles } from '../files/tenant-files.ts'
import type { ByteStream } from '../files/upload.ts'
import { newLineage, readIdentity, type TenantMeta } from '../identity.ts'
import { checkImport } from '../import-check.ts'
import { MigrationError, migrate } from '../migrations.ts'
import { undoLeft, undoOrLeave } from '../recovery.ts'
import type { VerbContext } from '../tenancy-port.ts'
import { TENANT_SCHEMA } from '../tenant-schema.ts'
import { newFileName, newRecord, openOnce } from './create.ts'

/** @throws TenaxError `import_invalid`, `body_too_large`, `storage_full` */
export async function importTenant(
  context: VerbContext,
  id: TenantId,
  body: ByteStream | ScratchFile,
): Promise<{ record: TenantRecord; created: boolean }> {
  const { files, settings, disk } = context
  disk.assertRoom()
  const upload = body instanceof ScratchFile ? body : await files.receive(body, settings.importBytesMax)
  try {
    const created = await takeFile(context, id, upload)
    return { record: context.directory.get(id), created }
  } finally {
    await upload.remove()
    await collectClosed() // a descriptor of the upload keeps its disk space until it is collected
  }
}

async function takeFile(context: VerbContext, id: TenantId, upload: ScratchFile): Promise<boolean> {
  const { directory, data, components } = context
  const meter = context.transfers.of(id)
  meter.expect(2 * upload.bytes) // it is checked, then rebuilt
  context.disk.assertRoom({ bytes: upload.bytes })
  const catalog = directory.catalogOf(id)
  await undoLeft(catalog, data.layout, id)
  const tables = context.settings.tables?.definitions
  const { connection, isExport, hasTables } = await checkImport(components.driver, upload.path, tables)
  meter.add(upload.bytes)
  const existing = catalog.get(id)
  if (existing !== undefined && existing.state !== 'warm' && existing.state !== 'archived') {
    connection.close()
    noteScratchClose()
    throw new TenaxError('tenant_in_transition', `tenant "${id}" is ${existing.state}`, { hint: 'delete it first' })
  }
  const name = newFileName(components.randomId)
  const intent: Intent = { tenantId: id, verb: 'import', ...name }
  const nowMs = components.clock.nowMs()
  try {
    refuseIfTooLarge(connection, context)
    if (existing === undefined) await catalog.beginNew(newRecord(id, name, 'importing', nowMs), intent)
    else await catalog.beginReplace(intent, nowMs)
    await rebuild(context, connection, { intent, isExport, hasTables })
    meter.add(upload.bytes)
    const closed = await migrateRebuilt(context, intent)
    await context.storeBase?.({ id, incarnation: name.incarnation }, closed)
    await swap(context, intent, existing)
  } catch (error) {
    await undoOrLeave(catalog, data.layout, intent)
    throw error instanceof EngineError ? importFailure(error) : error
  } finally {
    connection.close()
    noteScratchClose()
  }
  if (existing?.suspendedAtMs === undefined) await openOnce(context, id)
  return existing === undefined
}

function refuseIfTooLarge(connection: EngineConnection, { settings }: VerbContext): void {
  const bytes = Number(
    connection.prepare('SELECT page_count * page_size FROM pragma_page_count, pragma_page_size').get()?.[0],
  )
  const bytesMax = settings.file.pageCountMax * 4096
  if (bytes <= bytesMax) return
  throw new TenaxError('import_invalid', `the database has ${bytes} bytes; a tenant may have ${bytesMax}`, {
    hint: 'raise the page quota, or VACUUM the file before sending it',
    details: { reason: 'too_large' },
  })
}

async function rebuild(
  { directory, data, components, ledger, settings }: VerbContext,
  connection: EngineConnection,
  { intent, isExport, hasTables }: { intent: Intent; isExport: boolean; hasTables: boolean },
): Promise<void> {
  const { shard } = directory.catalogOf(intent.tenantId)
  await makeTenantDirectory(data.layout, shard, intent)
  await rebuildInto(connection, components.driver, {
    path: data.layout.tenantFile(shard, intent),
    finish(rebuilt) {
      if (!isExport) for (const sql of TENANT_SCHEMA) rebuilt.prepare(sql).get()
      // A stranger's replies are nobody's: they would be answered without a look, to whoever hits upon their keys.
      rebuilt.prepare('DELETE FROM tenax_idempotency').get()
      if (hasTables) for (const sql of settings.tables?.onImport ?? []) rebuilt.prepare(sql).get()
      rewriteIdentity(
        rebuilt,
        { incarnation: intent.incarnation, lineage: newLineage(components.randomId) },
        ledger.epoch,
      )
    },
  })
}

/**
 * Migrates the copy before it replaces anything: one that cannot be migrated is refused, and nothing has changed. Then the copy
 * gets its checksum (LEDGER X1).
 */
async function migrateRebuilt(
  { directory, data, components, settings }: VerbContext,
  intent: Intent,
): Promise<ClosedFile> {
  const { driver, clock } = components
  const path = data.layout.tenantFile(directory.catalogOf(intent.tenantId).shard, intent)
  const file = SqliteFile.open(path, { driver, settings: settings.file, nowMs: () => clock.monotonicMs() })
  try {
    await migrate(file, clock, settings.migrations)
    await file.checkpoint()
    await stampWhole(file)
    await file.checkpoint()
    const { lineage, lsn } = readIdentity(file, intent.incarnation)
    if (lineage === undefined) throw new InvariantError('an imported file has a history')
    return { path, lineage, lsn }
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error
    throw new TenaxError('import_invalid', error.message, {
      cause: error,
      details: { reason: 'migration' },
      hint: 'the migrations of this server do not fit the file; nothing was changed',
    })
  } finally {
    file.close()
  }
}

/** The copy gets a creation and a history of its own; its commits are counted on from where they were. */
function rewriteIdentity(connection: EngineConnection, { incarnation, lineage }: TenantMeta, epoch: number): void {
  connection
    .prepare(
      'UPDATE tenax_meta SET incarnation = ?, lineage = ?, epoch = ?, lsn = lsn + 1, checksum_lsn = NULL, checksum = NULL WHERE id = 1',
    )
    .get([incarnation, lineage, BigInt(epoch)])
}

/** The moment of change: nobody uses the old file, one commit, and the old file goes. */
async function swap(context: VerbContext, intent: Intent, existing: TenantRecord | undefined): Promise<void> {
  const { directory, pool } = context
  const catalog = directory.catalogOf(intent.tenantId)
  if (existing === undefined) await catalog.finishNew(intent, context.components.clock.nowMs())
  else {
    pool
      .peek(intent.tenantId)
      ?.fence(new TenaxError('tenant_in_transition', 'the tenant is being replaced by an import', { hint: 'retry' }))
    await pool.retire(intent.tenantId, 'fenced', () => catalog.finishNew(intent, context.components.clock.nowMs()))
    removeOld(context, existing)
  }
}

/** The import is done by now: a file that cannot be removed is waste, which the next start removes. */
function removeOld({ directory, data, ledger }: VerbContext, { id, incarnation }: TenantRecord): void {
  try {
    removeTenantFiles(data.layout, directory.catalogOf(id).shard, incarnation)
  } catch (error) {
    if (error instanceof InvariantError) throw error
  }
  ledger.forget(incarnation)
}

function importFailure(error: EngineError): unknown {
  if (error.sqliteCode === 'SQLITE_FULL') return hostFailure(error)
  return new TenaxError('import_invalid', `SQLite cannot rebuild the file: ${error.message}`, {
    cause: error,
    details: { reason: 'damaged' },
    hint: 'check the file with sqlite3 and PRAGMA integrity_check; nothing was changed',
  })
}
