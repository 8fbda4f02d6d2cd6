/**
 * The stored ledgers of a data directory, one after another: each ends with a seal that names the next one. Whoever goes on with
 * the data walks to the end and puts the last seal himself; from then on nobody else can store anything that counts (LEDGER O2).
 *
 * 1. Nothing of it counts before the walk has returned.
 * 2. Epochs go up along the chain, so it ends.
 * 3. Of any number of walkers one has the last seal. The others go on behind it, or are told that they are fenced.
 */
import type { BlobStore } from '@tenax/blobstore'
import { TenaxError } from '@tenax/kernel'
import { type LedgerName, ledgerDirectoryName, type PlacedRecord, type StoredAt, walkStored } from '@tenax/ledger'
import { storeSink } from './store-sink.ts'

/** Which chain, from where, and for whom. */
export interface ChainWalk {
  readonly store: BlobStore
  readonly dataId: string
  /** The first ledger to walk. */
  readonly from: LedgerName
  /** Where to begin in it. Default: object 0. */
  readonly at?: StoredAt | undefined
  /** The ledger that goes on behind the one of that epoch: its own epoch is higher, and its nonce is this walker's alone. */
  readonly successor: (epoch: number) => LedgerName
  /** Whether to go on into a ledger that a seal names. */
  readonly isFollowed: (name: LedgerName) => boolean
}

/** A record, and the ledger that it stands in. */
export interface ChainRecord extends PlacedRecord {
  readonly epoch: number
}

/** How a chain ends: in the seal of this walker. */
export interface ChainEnd {
  /** The last ledger that has records, or could have had some. */
  readonly last: LedgerName
  /** Its last record's number; 0 when it has none. */
  readonly lastSeq: number
  /** Who goes on. */
  readonly successor: LedgerName
}

/**
 * Yields all records of the chain in order and seals its end. May be begun again after any failure.
 *
 * @throws TenaxError `ledger_fenced` when a seal names a ledger that is not followed; `ledger_damaged`, `data_format_newer`,
 * `unavailable`, `outcome_unknown`
 */
export async function* walkChain(walk: ChainWalk): AsyncGenerator<ChainRecord, ChainEnd, void> {
  let [name, from] = [walk.from, walk.at]
  for (;;) {
    const successor = walk.successor(name.epoch)
    const sink = storeSink(walk.store, { dataId: walk.dataId, epoch: name.epoch })
    const records = walkStored({ sink, dataId: walk.dataId, ...name, successor, from })
    let step = await records.next()
    for (; !step.done; step = await records.next()) yield { ...step.value, epoch: name.epoch }
    const { value: end } = step
    if (end.isMine) return { last: name, lastSeq: end.lastSeq, successor }
    if (end.successor.epoch <= name.epoch) throw backwards(name, end.successor)
    if (!walk.isFollowed(end.successor)) throw fenced(end.successor)
    name = end.successor
    from = undefined
  }
}

function fenced(by: LedgerName): TenaxError {
  return new TenaxError(
    'ledger_fenced',
    `another host goes on with this data: its ledger is ${ledgerDirectoryName(by)}`,
    {
      hint: 'stop here; what this one has committed and not stored is in its ledgers/, and stays there',
    },
  )
}

function backwards(name: LedgerName, successor: LedgerName): TenaxError {
  const [from, to] = [ledgerDirectoryName(name), ledgerDirectoryName(successor)]
  return new TenaxError('ledger_damaged', `the seal of the stored ledger ${from} names ${to}, which is not newer`, {
    hint: 'restore it from a copy of the bucket; nothing was changed',
  })
}
