/**
 * What a start does with the ledgers that it finds (LEDGER F4, D4): all are read, what survives of them is written into a
 * new one, and only when that is fsynced, and what stopped tenants have in them is set aside, are the old ones removed. It never appends to a ledger that it has read.
 *
 * A crash in the middle leaves old ledgers, perhaps with a new one that holds part of a copy: the next start reads both.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { BlobStore } from '@tenax/blobstore'
import { type Clock, type Incarnation, isTenaxError, type RandomId, TenaxError } from '@tenax/kernel'
import {
  BUFFER_BYTES_MAX,
  forEachRecord,
  fsSegmentFiles,
  Ledger,
  type LedgerCut,
  type LedgerEnd,
  type LedgerName,
  type LedgerSettings,
  type LedgerSource,
  ledgerDirectoryName,
  PAGE_BYTES,
  parseLedgerDirectoryName,
  type SegmentFiles,
} from '@tenax/ledger'
import { replaceFile } from '@tenax/sqlite'
import { catalogIncarnation } from '../catalog.ts'
import { COALESCED, checksumFields, FRESH } from '../durability/entry-flags.ts'
import { type FileTail, LedgerTails, type StoredSoFar } from '../durability/ledger-tails.ts'
import { Shipping, type ShippingEvent } from '../remote/shipping.ts'
import type { DataDirectory } from './data-directory.ts'
import { readStoredPosition } from './stored-position.ts'

/** What recovery needs. */
export interface LedgerRecoveryOptions {
  readonly data: DataDirectory
  readonly clock: Clock
  readonly randomId: RandomId
  readonly settings: Partial<LedgerSettings>
  readonly onFatal: (error: unknown) => void
  /** The disk; tests put faults here. */
  readonly files?: SegmentFiles
  /** Where the ledgers are stored besides; its events go to the operator. */
  readonly stored?: { readonly store: BlobStore; readonly onEvent: (event: ShippingEvent) => void }
}

/** What recovery has found, with the new ledger that holds all of it. */
export interface RecoveredLedgers {
  readonly ledger: Ledger
  /** Where the new ledger lies. */
  readonly source: LedgerSource
  /** Its way to object storage, which has not begun yet. */
  readonly shipping: Shipping | undefined
  readonly epoch: number
  /** The last epoch that ended without a seal; 0 when there was none. */
  readonly uncleanEpoch: number
  /**
   * True when there was a ledger: the files' own logs are worth nothing then. After a seal as well, since nothing syncs
   * the cut of a log: a power cut brings back what was in it, and SQLite would lay that over the newer main file.
   */
  readonly hadLedger: boolean
  readonly tails: readonly FileTail[]
  readonly gaps: ReadonlyMap<Incarnation, string>
  /** The ledgers that were read, oldest first. They stay until {@link RecoveredLedgers.discard}. */
  readonly found: readonly FoundLedger[]
  /** Removes what was found, once nobody needs more of it than the new ledger holds. */
  discard(): Promise<void>
}

/** A ledger that a start has found. */
export interface FoundLedger extends LedgerName {
  readonly directory: string
}

/**
 * Reads every ledger of the data directory and begins the next one.
 *
 * @throws TenaxError `ledger_damaged`, `data_format_newer`, `data_format_invalid`, `storage_full`
 */
export async function recoverLedgers(options: LedgerRecoveryOptions): Promise<RecoveredLedgers> {
  const { data, randomId, files = fsSegmentFiles } = options
  mkdirSync(data.layout.ledgers, { recursive: true, mode: 0o700 })
  await clearRemoved(data.layout.ledgers, files)
  const found = await listLedgers(data.layout.ledgers, files)
  const name = { epoch: lastEpoch(found, data) + 1, nonce: randomId() }
  const source = { directory: join(data.layout.ledgers, ledgerDirectoryName(name)), files }
  const shipping =
    options.stored && new Shipping({ ...options, ...options.stored, ...source, name, onFenced: options.onFatal })
  const stored = await shipping?.approach()
  const { tails, ends } = await readAll(found, { data, files, stored })
  refuseCatalogGaps(tails, data)
  const unsealed = found.filter((_, index) => ends[index]?.state !== 'sealed').map(({ epoch }) => epoch)
  const uncleanEpoch = keepUncleanEpoch(data.layout.uncleanEpoch, Math.max(0, ...unsealed))
  const surviving = [...tails.files()]
  const ledger = await Ledger.create({
    ...{ ...name, ...source, dataId: data.identity.dataId },
    clock: options.clock,
    settings: { ...options.settings, bufferBytesMax: bufferBytesFor(surviving, options.settings) },
    onFatal: options.onFatal,
    ...(shipping === undefined ? {} : { shipping: shipping.shipper }),
    cuts: found.flatMap((one, index) => cutOf(one, ends[index])).slice(-CUTS_TOLD),
  })
  await copyTails(ledger, surviving)
  return {
    ...{ ledger, source, shipping, found, uncleanEpoch },
    ...{ epoch: name.epoch, hadLedger: found.length > 0, tails: surviving, gaps: tails.gaps },
    discard: () => removeLedgers(found, { ledgersPath: data.layout.ledgers, files }),
  }
}

/** Of all that ledgers here or in the store may have. */
function lastEpoch(found: readonly FoundLedger[], { layout }: DataDirectory): number {
  const { open, own = [] } = readStoredPosition(layout.storedPosition) ?? {}
  const epochs = [...found, ...own, ...(open === undefined ? [] : [open])].map(({ epoch }) => epoch)
  return Math.max(0, readUncleanEpoch(layout.uncleanEpoch), ...epochs)
}

/** A tenant with a gap is stopped; without its catalog a shard cannot even do that. */
function refuseCatalogGaps({ gaps }: LedgerTails, { identity }: DataDirectory): void {
  for (let shard = 0; shard < identity.shardCount; shard += 1) {
    const reason = gaps.get(catalogIncarnation(shard))
    if (reason === undefined) continue
    throw new TenaxError('ledger_damaged', `the catalog of shard ${shard}: ${reason}`, {
      hint: 'put back the ledger that is missing in ledgers/, or restore the data directory; nothing was changed',
    })
  }
}

/** Cuts that a new ledger tells of: those of the newest ledgers; older ones are removed with their ledgers anyway. */
const CUTS_TOLD = 8

async function listLedgers(ledgersPath: string, files: SegmentFiles): Promise<FoundLedger[]> {
  const found: FoundLedger[] = []
  for (const entry of await files.list(ledgersPath)) {
    const name = parseLedgerDirectoryName(entry)
    if (name !== undefined) found.push({ ...name, directory: join(ledgersPath, entry) })
  }
  return found.sort((a, b) => a.epoch - b.epoch)
}

async function readAll(
  found: readonly FoundLedger[],
  { data, files, stored }: { data: DataDirectory; files: SegmentFiles; stored: StoredSoFar | undefined },
): Promise<{ tails: LedgerTails; ends: readonly LedgerEnd[] }> {
  const tails = new LedgerTails(stored)
  const ends: LedgerEnd[] = []
  for (const { directory, epoch } of found) {
    const end = await forEachRecord({ directory, files }, ({ record, seq }) =>
      tails.take({ epoch, seq }, record),
    ).catch((error: unknown) => Promise.reject(withLedgerName(error, directory)))
    if (end.dataId !== undefined && end.dataId !== data.identity.dataId) throw foreignLedger(directory)
    ends.push(end)
  }
  return { tails, ends }
}

/** A segment's name says little where there may be several ledgers. */
function withLedgerName(error: unknown, directory: string): unknown {
  if (!isTenaxError(error)) return error
  const { code, message, hint, details } = error
  const ledger = basename(directory)
  return new TenaxError(code, `ledgers/${ledger}/${message}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
    details: { ...details, ledger },
  })
}

function foreignLedger(directory: string): TenaxError {
  const name = basename(directory)
  return new TenaxError('data_format_invalid', `the ledger ledgers/${name} belongs to another data directory`, {
    hint: 'put it back where it came from; nothing was changed',
  })
}

function cutOf({ epoch, nonce }: LedgerName, end: LedgerEnd | undefined): LedgerCut[] {
  return end?.state === 'torn' ? [{ epoch, nonce, ...end.place }] : []
}

/** Writes each tail as one entry, in turns of the ledger's buffer, and waits until all of it is fsynced. */
async function copyTails(ledger: Ledger, tails: readonly FileTail[]): Promise<void> {
  for (const tail of tails) {
    if (!ledger.hasRoom(ledger.entryBytes(tail.pages.length))) await ledger.durable(ledger.appendedSeq)
    const { checksum, flags } = checksumFields(tail.checksum)
    const entry = { kind: 'entry', ...tail, parentLineage: tail.lineage, checksum, cipher: 0, keyId: 0 } as const
    ledger.append({ ...entry, flags: flags | COALESCED | (tail.isFresh ? FRESH : 0) })
  }
  await ledger.durable(ledger.appendedSeq)
}

/** Behind the name of a ledger that nobody reads any more. */
const REMOVED = '.removed'

/** Takes the ledgers' names away first, durably: half of a ledger would read as a damaged one after a crash. */
async function removeLedgers(
  found: readonly FoundLedger[],
  { ledgersPath, files }: { ledgersPath: string; files: SegmentFiles },
): Promise<void> {
  for (const { directory } of found) await files.rename(directory, `${directory}${REMOVED}`)
  await files.syncDirectory(ledgersPath)
  await clearRemoved(ledgersPath, files)
}

async function clearRemoved(ledgersPath: string, files: SegmentFiles): Promise<void> {
  const removed = (await files.list(ledgersPath)).filter((name) => name.endsWith(REMOVED))
  for (const name of removed) rmSync(join(ledgersPath, name), { recursive: true, force: true })
}

/** Bytes of a page in an entry at most: with its number, and the head of a part that holds nothing else. */
const PAGE_IN_ENTRY_BYTES = PAGE_BYTES + 128

/** A file that could not be checkpointed for long has a tail that no commit was as large as: it is taken all the same. */
function bufferBytesFor(tails: readonly FileTail[], { bufferBytesMax = BUFFER_BYTES_MAX }: Partial<LedgerSettings>) {
  return tails.reduce((most, { pages }) => Math.max(most, pages.length * PAGE_IN_ENTRY_BYTES), bufferBytesMax)
}

/** Remembers the last epoch that ended without a seal: files last named before it get a new lineage (LEDGER P1). */
function keepUncleanEpoch(path: string, epoch: number): number {
  const known = readUncleanEpoch(path)
  if (epoch <= known) return known
  replaceFile(path, Buffer.from(`${epoch}\n`))
  return epoch
}

function readUncleanEpoch(path: string): number {
  try {
    const text = readFileSync(path, 'utf8')
    if (/^[0-9]{1,10}\n?$/.test(text)) return Number(text)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') return 0
    if (code !== 'EISDIR') throw error
  }
  throw new TenaxError('data_format_invalid', 'ledgers/unclean-epoch is not what Tenax writes', {
    hint: 'restore it from a backup, or write the number of the newest ledger into it',
  })
}
