/**
 * What is missing among the stored ledgers of a data directory. Asked before a walk, because a walk puts its seal where it finds
 * nothing: into the place of a lost object it would end the ledger there, and nobody would miss the rest.
 *
 * A list only ever refuses (LEDGER O3). What it goes by:
 *  1. A shipper has `PUTS_MAX` objects under way at most, so what is so far behind a gap was acknowledged, and the gap is a loss.
 *  2. A seal is put where everything before it was read. So a gap before a seal is a loss.
 *  3. A ledger is begun when the one before it is sealed with its name. So of all ledgers but the last the seal is there.
 */
import type { BlobStore } from '@tenax/blobstore'
import { TenaxError } from '@tenax/kernel'
import { decodeStored, type LedgerName, PUTS_MAX } from '@tenax/ledger'
import { storeSink } from '../../remote/store-sink.ts'

/** Which chain: where it begins. */
export interface StoredChainName {
  readonly dataId: string
  readonly firstEpoch: number
}

interface Ledger {
  readonly epoch: number
  /** The first id that has no object. */
  missing: number
  /** Ids behind it. */
  readonly behind: number[]
}

const KEY = /^ledgers\/[a-z0-9]{20}\/(\d{8,})\/(\d{8,})\.seg$/

/** Objects by epoch, those that follow one another from 0 on. */
export type StoredCounts = ReadonlyMap<number, number>

/** Gives what is there. Throws TenaxError `ledger_damaged` naming what is missing; nothing was changed then. */
export async function refuseMissing(store: BlobStore, { dataId, firstEpoch }: StoredChainName): Promise<StoredCounts> {
  const ledgers = [...(await listed(store, dataId)).values()].sort((a, b) => a.epoch - b.epoch)
  let expected: number | undefined = firstEpoch
  for (const [index, ledger] of ledgers.entries()) {
    if (expected !== undefined && ledger.epoch < expected) continue // of a host that ended before a root or a seal named it
    if (expected !== undefined && ledger.epoch !== expected) throw lost(dataId, expected, 0)
    const isLast = index === ledgers.length - 1
    const seal = await sealOf(store, dataId, ledger)
    if (seal === 'none' && !isLast) throw lost(dataId, ledger.epoch, ledger.missing)
    expected = typeof seal === 'string' ? undefined : seal.epoch
  }
  return new Map(ledgers.map(({ epoch, missing }) => [epoch, missing]))
}

/** Where an object of a ledger lies, as in `storeSink`. */
export function objectKey(dataId: string, { epoch, id }: { readonly epoch: number; readonly id: number }): string {
  const digits = (value: number) => String(value).padStart(8, '0')
  return `ledgers/${dataId}/${digits(epoch)}/${digits(id)}.seg`
}

/** Which object a key is of; undefined when it is of none. */
export function parseObjectKey(key: string): { readonly epoch: number; readonly id: number } | undefined {
  const [, epoch, id] = KEY.exec(key) ?? []
  return epoch === undefined || id === undefined ? undefined : { epoch: Number(epoch), id: Number(id) }
}

async function listed(store: BlobStore, dataId: string): Promise<Map<number, Ledger>> {
  const ledgers = new Map<number, Ledger>()
  for await (const { key } of store.list(`ledgers/${dataId}/`)) {
    const place = parseObjectKey(key)
    if (place === undefined) continue
    const { epoch, id } = place
    const ledger = ledgers.get(epoch) ?? { epoch, missing: 0, behind: [] }
    ledgers.set(epoch, ledger)
    if (id === ledger.missing) ledger.missing += 1
    else ledger.behind.push(id)
    if (id >= ledger.missing + PUTS_MAX) throw lost(dataId, epoch, ledger.missing)
  }
  return ledgers
}

/** What the ledger's seal names. `unreadable` is for the walk to tell: it puts no seal where something is. */
async function sealOf(store: BlobStore, dataId: string, ledger: Ledger): Promise<LedgerName | 'none' | 'unreadable'> {
  const { epoch, missing, behind } = ledger
  const sink = storeSink(store, { dataId, epoch })
  const at = async (id: number) => {
    const object = decodeStored((await sink.read(id)) ?? Buffer.alloc(0))
    return typeof object === 'string' ? 'unreadable' : (object.successor ?? 'none')
  }
  for (const id of behind) if (typeof (await at(id)) !== 'string') throw lost(dataId, epoch, missing)
  let end: 'none' | 'unreadable' = 'none'
  // Behind a seal there may be what was under way when it was put.
  for (let id = missing - 1; id >= Math.max(0, missing - PUTS_MAX); id -= 1) {
    const seal = await at(id)
    if (typeof seal !== 'string') return seal
    if (seal === 'unreadable') end = seal
  }
  return end
}

function lost(dataId: string, epoch: number, id: number): TenaxError {
  const object = objectKey(dataId, { epoch, id })
  return new TenaxError('ledger_damaged', `the stored object ${object} is missing: there is more behind it`, {
    hint: 'restore it from a copy of the bucket; nothing was changed',
    details: { object },
  })
}
