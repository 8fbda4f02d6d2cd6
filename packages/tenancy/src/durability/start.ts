/**
 * A start, step by step (LEDGER D4): the ledgers are read and begun anew, the catalogs are redone and opened, lifecycle
 * verbs that a crash cut short are ended, and then each tenant's file gets the log that brings it up to date. Only after
 * that is anybody served. What was not committed to the ledger before a crash is nowhere.
 */
import { type Incarnation, isTenaxError } from '@tenax/kernel'
import { hostFailure, isBusy, SqliteFile } from '@tenax/sqlite'
import type { Catalog } from '../catalog.ts'
import { catalogIncarnation } from '../catalog.ts'
import type { TenantRecord } from '../catalog-rows.ts'
import { Directory, type DirectoryOptions } from '../files/directory.ts'
import { settleRecoveredRows } from '../files/recover/recovered-rows.ts'
import { type LedgerRecoveryOptions, type RecoveredLedgers, recoverLedgers } from '../files/recover-ledgers.ts'
import { redoFile } from '../files/redo.ts'
import { removeLog } from '../files/tenant-files.ts'
import { stopReasonOf } from '../open-handle.ts'
import { recoverShard, type ShardRecovery } from '../recovery.ts'
import { attachJournal } from './attach-journal.ts'
import { HostLedger } from './host-ledger.ts'
import type { Journal } from './journal.ts'
import type { FileTail } from './ledger-tails.ts'
import { type StoppedFile, setAside } from './set-aside.ts'

/** What starting a data directory takes. */
export type StartOptions = LedgerRecoveryOptions &
  Omit<DirectoryOptions, 'ledger'> & { readonly ledgerBytesMax: number }

/** A data directory that is ready to serve. */
export interface Started {
  readonly ledger: HostLedger
  readonly directory: Directory
  readonly shards: readonly ShardRecovery[]
  /** Files that got a log from the ledgers. */
  readonly redoneCount: number
  /** Tenants that this start has stopped. */
  readonly stopped: readonly StoppedAtStart[]
  /** Whether there was a ledger before. */
  readonly hadLedger: boolean
}

/** A tenant that a start has stopped: its row says so, durably. Nobody has been told yet. */
export interface StoppedAtStart {
  readonly record: TenantRecord
  readonly reason: string
  /** Entries that were set aside; undefined when the new ledger still has what the ledgers held of it. */
  readonly entryCount: number | undefined
}

/** @throws TenaxError `ledger_damaged`, `data_format_newer`, `data_format_invalid`, `storage_full` */
export async function startDataDirectory(options: StartOptions): Promise<Started> {
  const { data, clock } = options
  const recovered = await recoverLedgers(options)
  let directory: Directory | undefined
  try {
    await redoCatalogs(options, recovered)
    const redone = new Map(
      recovered.tails.map(({ incarnation, lsn, checksum }) => [incarnation, { lsn: BigInt(lsn), checksum }]),
    )
    const ledger = new HostLedger({ ...recovered, redone, clock, diskBytesMax: options.ledgerBytesMax })
    directory = Directory.open(data, { ...options, ledger })
    const shards: ShardRecovery[] = []
    for (const catalog of directory.catalogs) {
      await catalog.upgrade()
      shards.push(await recoverShard(catalog, { layout: data.layout, clock, withoutLogs: recovered.hadLedger }))
    }
    const unrecovered = await settleRecoveredRows(data.layout, directory.catalogs)
    const gaps = await stopGaps(recovered, directory)
    const counts = await setAside(options, recovered, { stopped: stoppedFiles(recovered, directory), ledger })
    await recovered.discard()
    const { redoneCount, stopped } = await redoTenants(options, { ...recovered, tenancyLedger: ledger, directory })
    await ledger.settled()
    const withGaps = gaps.map((one) => ({ ...one, entryCount: counts.get(one.record.incarnation) ?? 0 }))
    const { hadLedger } = recovered
    return { ledger, directory, shards, redoneCount, hadLedger, stopped: [...unrecovered, ...withGaps, ...stopped] }
  } catch (error) {
    directory?.abandon()
    await recovered.ledger.close().catch(() => undefined) // the first failure is the one to tell
    await recovered.shipping?.end()
    throw error
  }
}

async function redoCatalogs({ data, randomId }: StartOptions, { tails, hadLedger }: RecoveredLedgers): Promise<void> {
  const byName = new Map(tails.map((tail) => [tail.incarnation, tail]))
  for (let shard = 0; shard < data.identity.shardCount; shard += 1) {
    const path = data.layout.catalog(shard)
    const tail = byName.get(catalogIncarnation(shard))
    if (tail !== undefined) await redoFile(path, tail, randomId)
    else if (hadLedger) removeLog(path)
  }
}

/** Quarantines the tenants whose entries do not follow one another. */
async function stopGaps({ gaps }: RecoveredLedgers, { catalogs }: Directory): Promise<StoppedAtStart[]> {
  const stopped: StoppedAtStart[] = []
  for (const [incarnation, reason] of gaps) {
    const catalog = catalogs.find((one) => one.tenantOf(incarnation) !== undefined)
    const one = catalog && (await stopTenant(catalog, incarnation, reason))
    if (one !== undefined) stopped.push(one)
  }
  return stopped
}

/** Undefined when the catalog has no tenant with this incarnation. */
async function stopTenant(
  catalog: Catalog,
  incarnation: Incarnation,
  reason: string,
): Promise<StoppedAtStart | undefined> {
  const id = catalog.tenantOf(incarnation)
  const record = id && catalog.get(id)
  if (record === undefined) return undefined
  await catalog.quarantine(record.id, incarnation, reason)
  return { record, reason, entryCount: undefined }
}

/** The quarantined tenants of which the ledgers hold something that is in no main file. */
function stoppedFiles({ tails, gaps }: RecoveredLedgers, { catalogs }: Directory): StoppedFile[] {
  const places = placesOf(catalogs)
  const held = new Set([...tails.map(({ incarnation }) => incarnation), ...gaps.keys()])
  return [...held].flatMap((incarnation) => {
    const place = places.get(incarnation)
    return place?.isQuarantined ? [{ incarnation, shard: place.shard }] : []
  })
}

interface RedoContext {
  readonly tails: readonly FileTail[]
  readonly tenancyLedger: HostLedger
  readonly directory: Directory
}

async function redoTenants(
  options: StartOptions,
  context: RedoContext,
): Promise<Pick<Started, 'redoneCount' | 'stopped'>> {
  const { tails, tenancyLedger, directory } = context
  const places = placesOf(directory.catalogs)
  const stopped: StoppedAtStart[] = []
  let redoneCount = 0
  for (const tail of tails) {
    if (directory.catalogs.some(({ shard }) => catalogIncarnation(shard) === tail.incarnation)) continue
    const place = places.get(tail.incarnation)
    if (place === undefined)
      tenancyLedger.forget(tail.incarnation) // it was deleted, or never came to be
    else if (!place.isQuarantined) {
      const end = await redoOrStop(options, { tail, place, ledger: tenancyLedger })
      if (end === 'redone') redoneCount += 1
      else if (end !== 'missing') stopped.push(end)
    }
  }
  return { redoneCount, stopped }
}

interface Place {
  readonly catalog: Catalog
  readonly shard: number
  readonly file: string
  readonly isQuarantined: boolean
  readonly isSuspended: boolean
}

function placesOf(catalogs: readonly Catalog[]): Map<string, Place> {
  const places = new Map<string, Place>()
  for (const catalog of catalogs) {
    const [quarantined, suspended] = [catalog.quarantined(), catalog.suspended()]
    for (const [incarnation, file] of catalog.namedFiles()) {
      const isQuarantined = quarantined.has(incarnation)
      const isSuspended = suspended.has(incarnation)
      places.set(incarnation, { catalog, shard: catalog.shard, file, isQuarantined, isSuspended })
    }
  }
  return places
}

/** Brings one file to where the ledgers have it. What is wrong with it stops its tenant, and not the start. */
async function redoOrStop(
  options: StartOptions,
  { tail, place, ledger }: { tail: FileTail; place: Place; ledger: HostLedger },
): Promise<'redone' | 'missing' | StoppedAtStart> {
  const { incarnation } = tail
  const { catalog, file, shard, isSuspended } = place
  const path = options.data.layout.tenantFile(shard, { incarnation, file })
  try {
    if (!(await redoIfThere(path, tail, options.randomId))) return 'missing'
    if (isSuspended) await settleFile(options, { path, incarnation, ledger })
    return 'redone'
  } catch (error) {
    if (isBusy(error)) return 'redone'
    const reason = stopReasonOf(hostFailure(error))
    const stopped = reason === undefined ? undefined : await stopTenant(catalog, incarnation, reason)
    if (stopped === undefined) throw error
    return stopped
  }
}

/** A main file that is gone is told when its tenant is opened: that stops one tenant, and not the start. */
async function redoIfThere(path: string, tail: FileTail, randomId: StartOptions['randomId']): Promise<boolean> {
  try {
    await redoFile(path, tail, randomId)
    return true
  } catch (error) {
    if (isTenaxError(error) || !(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    return false
  }
}

/**
 * Moves the log of a file that nobody may open into it, stamped as before any checkpoint, so that it does not keep the ledger
 * from being trimmed. When another process is in the way it is done by the next start, or by who opens the file.
 */
async function settleFile(
  { driver, fileSettings, clock, randomId }: StartOptions,
  { path, incarnation, ledger }: { path: string; incarnation: Incarnation; ledger: HostLedger },
): Promise<void> {
  const nowMs = () => clock.monotonicMs()
  const file = SqliteFile.open(path, { driver, settings: fileSettings, nowMs, synchronous: 'off' })
  let journal: Journal | undefined
  try {
    journal = attachJournal({ ledger, randomId }, file, incarnation)
    await journal.checkpoint(() => file.checkpointNow())
  } finally {
    journal?.close()
    file.close()
  }
}
