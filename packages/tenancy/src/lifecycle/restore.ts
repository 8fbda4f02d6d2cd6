/**
 * Restore in place: what a tenant holds becomes what it held at a kept snapshot, as commit n+1 of a new history (LEDGER P2).
 *
 * The order is that of a new base image (LEDGER D3, record 0042):
 *   1. the snapshot goes into a file that no row names, and is verified;
 *   2. the state that is about to be replaced is stored, first while the tenant serves, then, closed, what came since;
 *   3. the new file gets its history and the number n+1, is stored as it is then, and the ledger forgets the incarnation, durably: no start lays
 *      pages of before over it;
 *   4. one catalog commit names the new file, and the old one goes.
 * A crash before 4 leaves the old file, whole, and waste beside it that the start removes; one behind it leaves the new file.
 *
 * The file of a quarantined tenant is not fit to be stored: it gets a second name among what was set aside of it.
 */
import { InvariantError, isTenaxError, type TenantId, TenaxError } from '@tenax/kernel'
import { collectClosed, SqliteFile } from '@tenax/sqlite'
import type { Archiver } from '../archive/archiver.ts'
import type { ClosedFile } from '../archive/snapshot.ts'
import type { TenantRecord } from '../catalog-rows.ts'
import type { SnapshotPlace } from '../catalog-snapshots.ts'
import { stampWhole } from '../durability/carried-checksum.ts'
import type { TenantFileName } from '../files/layout.ts'
import { isLogEmpty } from '../files/lent-files.ts'
import { removeRestored } from '../files/restored-file.ts'
import { forgetKept, keepStopped, removeReplacedFile } from '../files/tenant-files.ts'
import type { Handle } from '../handle.ts'
import { newLineage, readIdentity } from '../identity.ts'
import { MigrationError, migrate } from '../migrations.ts'
import { type OpeningContext, openHandle } from '../open-handle.ts'
import type { Quarantine } from '../quarantine.ts'
import type { VerbContext } from '../tenancy-port.ts'
import { openOnce } from './create.ts'
import { holdWorkflows } from './hold.ts'

/** What restoring needs besides what every verb does. */
export interface RestoreParts {
  readonly context: VerbContext
  readonly archiver: Archiver
  readonly quarantine: Quarantine
  readonly opening: (record: TenantRecord) => OpeningContext
}

/** What a restore has done. */
export interface RestoredTenant {
  readonly record: TenantRecord
  /** The snapshot of what was replaced; undefined when it could not be stored, because the tenant was quarantined. */
  readonly replacedManifest: number | undefined
}

/** What was replaced: its last commit as far as it is known, and its snapshot. */
interface Replaced {
  readonly lsn: bigint
  readonly manifest: number | undefined
}

/** Inside the tenant's transition. Throws TenaxError `snapshot_not_found`, `snapshot_damaged`; nothing has changed then. */
export async function restoreTenant(parts: RestoreParts, id: TenantId, number: number): Promise<RestoredTenant> {
  const { context, archiver } = parts
  const { directory, data, components } = context
  const record = directory.get(id)
  refuseInTransition(record)
  const { shard } = directory.catalogOf(id)
  const name = { incarnation: record.incarnation, file: components.randomId() }
  const path = data.layout.tenantFile(shard, name)
  let replaced: Replaced
  try {
    const { lsn } = await archiver.writeKept(record, number, path)
    await onFile(context, path, (file) => prepare(context, file, number))
    replaced = await replace(parts, name, { id, lsnMin: lsn, storedAs: await storeWhileServing(parts, id) })
  } finally {
    // Whatever became of the change: a file that the row does not name is nobody's.
    if (directory.catalogOf(id).get(id)?.file !== name.file) await removeUnnamed(path)
    void collectClosed()
  }
  components.onEvent({ type: 'restored', tenantId: id, manifest: number, replaced: replaced.manifest })
  if (record.suspendedAtMs === undefined) await openOnce(context, id)
  return { record: directory.get(id), replacedManifest: replaced.manifest }
}

function refuseInTransition({ id, state }: TenantRecord): void {
  if (state === 'warm' || state === 'archived') return
  throw new TenaxError('tenant_in_transition', `tenant "${id}" is ${state}`, { hint: 'retry when that has ended' })
}

async function removeUnnamed(path: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) await removeRestored(path + suffix)
}

async function onFile<T>(
  { components, settings }: VerbContext,
  path: string,
  work: (file: SqliteFile) => Promise<T>,
): Promise<T> {
  const { driver, clock } = components
  const file = SqliteFile.open(path, { driver, settings: settings.file, nowMs: () => clock.monotonicMs() })
  try {
    return await work(file)
  } finally {
    file.close()
  }
}

/** All that may take its time, or go wrong: it is sound, and migrated. */
async function prepare({ components, settings }: VerbContext, file: SqliteFile, number: number): Promise<void> {
  const complaint = await file.quickCheck()
  if (complaint !== undefined) {
    throw new TenaxError('snapshot_damaged', `snapshot ${number} is not sound: ${complaint.split('\n')[0] ?? ''}`, {
      hint: 'GET /v1/tenants/:id/snapshots lists the others; nothing was changed',
    })
  }
  await migrate(file, components.clock, settings.migrations).catch((error: unknown) => {
    if (!(error instanceof MigrationError)) throw error
    throw new TenaxError('import_invalid', error.message, {
      cause: error,
      details: { reason: 'migration' },
      hint: 'the migrations of this server do not fit the snapshot; nothing was changed',
    })
  })
  await file.checkpoint()
}

/** Stores what there is while others go on to use it, so that little is left to store when nobody may. */
async function storeWhileServing(
  { context, archiver }: RestoreParts,
  id: TenantId,
): Promise<SnapshotPlace | undefined> {
  const { state, suspendedAtMs, quarantineReason } = context.directory.get(id)
  if (state !== 'warm' || suspendedAtMs !== undefined || quarantineReason !== undefined) return undefined
  try {
    return await context.pool.use(id, (handle) => archiver.store(handle))
  } catch (error) {
    if (isTenaxError(error, 'tenant_quarantined')) return undefined // its damage is known only now
    throw error
  }
}

interface Replacement {
  readonly id: TenantId
  /** Number of the snapshot's own last commit. */
  readonly lsnMin: bigint
  readonly storedAs: SnapshotPlace | undefined
}

/** From here on nobody uses the tenant, until the row names the new file or the old one is to go on. */
async function replace(parts: RestoreParts, name: TenantFileName, replacement: Replacement): Promise<Replaced> {
  const { directory, data, pool, ledger } = parts.context
  const { id, lsnMin } = replacement
  const catalog = directory.catalogOf(id)
  const path = data.layout.tenantFile(catalog.shard, name)
  let replaced: Replaced | undefined
  pool.peek(id)?.fence(new TenaxError('tenant_in_transition', 'the tenant is being restored', { hint: 'retry' }))
  await pool.retire(id, 'fenced', async (closed) => {
    const kept = await keep(parts, replacement, closed)
    const old = directory.get(id)
    try {
      await onFile(parts.context, path, (file) => beginHistory(parts.context, file, bigger(kept.lsn, lsnMin)))
      const place = await parts.archiver.storeClosed(
        { id, incarnation: name.incarnation },
        await closedAt(parts.context, path, name),
      )
      ledger.forget(name.incarnation)
      await ledger.settled()
      if (!(await catalog.snapshots.restored(id, name, { replaced: old.file, place })))
        throw new TenaxError('tenant_in_transition', `tenant "${id}" is ${old.state}`, { hint: 'retry' })
    } finally {
      if (directory.get(id).file === old.file) forgetKept(data.layout, catalog.shard, old)
    }
    replaced = kept
    removeOld(parts.context, old)
  })
  if (replaced === undefined) throw new InvariantError('a restore that has not failed has replaced something')
  return replaced
}

/** Sees to it that what is replaced is kept, by its last commit. The tenant is closed; `closed` is what was open. */
async function keep(parts: RestoreParts, { id, storedAs }: Replacement, closed: Handle | undefined): Promise<Replaced> {
  const { directory } = parts.context
  const record = directory.get(id)
  const last = directory.catalogOf(id).snapshots.get(record.incarnation)
  if (record.quarantineReason !== undefined) return keepAside(parts, record, closed?.progress().committedLsn)
  if (record.state === 'archived') return { lsn: last?.lsn ?? 0n, manifest: last?.number }
  if (storedAs !== undefined && isStored(parts.context, record, closed, storedAs))
    return { lsn: storedAs.lsn, manifest: storedAs.number }
  try {
    const { lsn, number } = await storeClosed(parts, record)
    return { lsn, manifest: number }
  } catch (error) {
    if (!isTenaxError(error, 'tenant_quarantined')) throw error
    return keepAside(parts, directory.get(id), closed?.progress().committedLsn)
  }
}

/** True when nothing was written since that snapshot. */
function isStored(
  { directory, data }: VerbContext,
  record: TenantRecord,
  closed: Handle | undefined,
  storedAs: SnapshotPlace,
): boolean {
  const isLast = closed?.progress().committedLsn === storedAs.lsn && closed.meta.lineage === storedAs.lineage
  return isLast && isLogEmpty(data.layout.tenantFile(directory.catalogOf(record.id).shard, record))
}

/** Of a stopped tenant nobody knows the last commit for certain: the new history goes on from the last that is known. */
async function keepAside(
  { context, quarantine }: RestoreParts,
  record: TenantRecord,
  committedLsn = 0n,
): Promise<Replaced> {
  await quarantine.settle(record)
  const { shard, snapshots } = context.directory.catalogOf(record.id)
  if (record.state === 'warm') keepStopped(context.data.layout, shard, record)
  return { lsn: bigger(committedLsn, snapshots.get(record.incarnation)?.lsn ?? 0n), manifest: undefined }
}

/** Stores a tenant that the pool lends to nobody: it is opened for this alone. */
async function storeClosed({ context, archiver, opening }: RestoreParts, record: TenantRecord): Promise<SnapshotPlace> {
  const { directory, data } = context
  const path = data.layout.tenantFile(directory.catalogOf(record.id).shard, record)
  const handle = await openHandle(opening(record), record, path)
  let place: SnapshotPlace
  try {
    place = await archiver.store(handle)
  } finally {
    if (!(await handle.close('fenced'))) {
      await handle.settled() // the ledger has all of its log by then: a late close may move that (LEDGER K4)
      handle.file.close()
    }
  }
  if (isLogEmpty(path) && handle.progress().committedLsn === place.lsn) return place
  throw held()
}

/** What has just been closed. */
async function closedAt(context: VerbContext, path: string, { incarnation }: TenantFileName): Promise<ClosedFile> {
  const { lineage, lsn } = await onFile(context, path, async (file) => readIdentity(file, incarnation))
  if (lineage === undefined) throw new InvariantError('a restored file has a history')
  return { path, lineage, lsn }
}

function held(): TenaxError {
  return new TenaxError('unavailable', 'another process holds a lock on the database file, or writes to it', {
    hint: 'close it there, then try again; nothing was changed',
  })
}

/** The commit n+1: its workflows are held, and the file is the tenant's from here on, under a history of its own, and says its checksum. */
async function beginHistory(
  { components, ledger, settings }: VerbContext,
  file: SqliteFile,
  lsn: bigint,
): Promise<void> {
  const update = file.engine(
    'UPDATE tenax_meta SET lineage = ?, epoch = ?, lsn = max(lsn, ?) + 1, checksum_lsn = NULL, checksum = NULL WHERE id = 1',
  )
  file.transaction(() => {
    holdWorkflows(file, settings.tables)
    update.get([newLineage(components.randomId), BigInt(ledger.epoch), lsn])
  })
  await file.checkpoint()
  await stampWhole(file)
  await file.checkpoint()
}

/** The restore is done by now: a file that cannot be removed is waste, which the next start removes. */
function removeOld({ directory, data }: VerbContext, old: TenantRecord): void {
  if (old.state === 'archived') return
  try {
    removeReplacedFile(data.layout, directory.catalogOf(old.id).shard, old)
  } catch (error) {
    if (error instanceof InvariantError) throw error
  }
}

function bigger(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
