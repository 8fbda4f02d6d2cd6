/**
 * The way through a stored ledger to its end, which it makes: whoever recovers creates its seal at the next id, and reads
 * what is there when it cannot (LEDGER O2). So no object can come behind the last one that was read.
 *
 * 1. A seal is only ever created; nothing is overwritten or removed.
 * 2. What is read must be of this ledger, name the hash of the one before it, and go on with the next batch.
 * 3. The first seal ends the ledger: what has a higher id is void, and is not looked at.
 * 4. Of any number who recover at once one seal stands, and each of them is told whose.
 */
import { isTenaxError, TenaxError } from '@tenax/kernel'
import { decodeBody } from '../core/batch-body.ts'
import { newerFormat } from '../damage.ts'
import { EntryAssembly } from '../entry-assembly.ts'
import type { PlacedRecord } from '../read-ledger.ts'
import { segmentName } from '../segment-files.ts'
import { type LedgerName, ledgerDirectoryName } from '../segment-list.ts'
import type { SegmentSink } from '../segment-sink.ts'
import { decodeStored, encodeStored, NONCE_UNKNOWN, type StoredHeader, type StoredObject } from './stored-object.ts'

/** Where the next object of a stored ledger stands, and what it must follow. */
export interface StoredAt {
  readonly id: number
  readonly previousHash: bigint
  readonly firstBatch: number
  /** Number of the last record before it. */
  readonly lastSeq: number
}

/** Which ledger to walk, and for whom it is sealed. */
export interface StoredWalk {
  readonly sink: SegmentSink
  readonly dataId: string
  readonly epoch: number
  /** Undefined when nobody knows it: then object 0 says it. */
  readonly nonce: string | undefined
  /** The ledger that goes on behind this one. Its nonce is random: so its seal is known again after a lost reply. */
  readonly successor: LedgerName
  /** Where to begin; what is before is not looked at, and the end of an entry that began there is left out. Default: object 0. */
  readonly from?: StoredAt | undefined
}

/** How a stored ledger ends. */
export interface StoredEnd {
  /** Who goes on: the `successor` of this walk, or the one of somebody who sealed the ledger before. */
  readonly successor: LedgerName
  readonly isMine: boolean
  /** Id of the seal. */
  readonly sealId: number
  readonly lastSeq: number
  /** Ledgers before this one that are needed with it. */
  readonly predecessors: readonly LedgerName[]
}

/**
 * Yields the records of a stored ledger and seals it. Everything is provisional until this has returned. An entry without its
 * last part is left out. It may be begun again after any failure, also by another process.
 *
 * @throws TenaxError `ledger_damaged`, `data_format_newer` (each names the object), `unavailable`, `outcome_unknown`
 * @example
 * const records = walkStored({ sink, dataId, epoch: 7, nonce: undefined, successor: { epoch: 8, nonce: randomId() } })
 */
export async function* walkStored(walk: StoredWalk): AsyncGenerator<PlacedRecord, StoredEnd> {
  const chain = new StoredChain(walk)
  for (;;) {
    const object = chain.take(await sealOrRead(walk, chain.seal()))
    if (object.successor !== undefined) return chain.endAt(object.id, object.successor)
    yield* chain.recordsOf(object)
  }
}

/** The seal, when it could be created, else what stands in its place. */
async function sealOrRead({ sink }: StoredWalk, seal: StoredHeader): Promise<{ id: number; bytes: Uint8Array }> {
  const { id } = seal
  const { bytes } = encodeStored(seal, Buffer.alloc(0))
  try {
    if ((await sink.create(id, bytes)) === 'created') return { id, bytes }
  } catch (error) {
    if (isTenaxError(error, 'unavailable')) throw error // nothing was changed
    const found = await sink.read(id)
    if (found === undefined) throw error
    return { id, bytes: found }
  }
  const found = await sink.read(id)
  if (found !== undefined) return { id, bytes: found }
  throw new TenaxError('unavailable', `object ${id} is taken, and cannot be read`, { hint: 'repeat' })
}

const BEGINNING: StoredAt = { id: 0, previousHash: 0n, firstBatch: 1, lastSeq: 0 }

/** What was read so far, and what must come next. */
class StoredChain {
  readonly #walk: StoredWalk
  readonly #assembly: EntryAssembly
  #nonce: string | undefined
  #nextId: number
  #nextBatch: number
  #lastSeq: number
  #hash: bigint
  #predecessors: readonly LedgerName[] = []

  constructor(walk: StoredWalk) {
    const { id, previousHash, firstBatch, lastSeq } = walk.from ?? BEGINNING
    this.#walk = walk
    this.#nonce = walk.nonce
    this.#assembly = new EntryAssembly({ mayBeginInside: id > 0 })
    this.#nextId = id
    this.#nextBatch = firstBatch
    this.#lastSeq = lastSeq
    this.#hash = previousHash
  }

  /** The seal that would end the ledger here. */
  seal(): StoredHeader {
    const { dataId, epoch, successor } = this.#walk
    return {
      ...{ dataId, epoch, nonce: this.#nonce ?? NONCE_UNKNOWN, id: this.#nextId, previousHash: this.#hash },
      ...{ firstBatch: this.#nextBatch, batchCount: 0, recordCount: 0 },
      ...{ firstSeq: this.#lastSeq + 1, lastSeq: this.#lastSeq },
      ...{ cipher: 0, keyId: 0, successor, predecessors: [] },
    }
  }

  /** Parses the next object, and checks that it is the next one. */
  take({ id, bytes }: { id: number; bytes: Uint8Array }): StoredObject {
    const object = decodeStored(bytes)
    if (object === 'newer') throw newerFormat({ segmentId: id, offset: 0 }, 'the stored object has a newer version')
    if (object === 'truncated') throw this.#damaged('is cut short')
    if (object === 'damaged') throw this.#damaged('has a wrong hash')
    this.#assertNext(object)
    if (object.successor === undefined) this.#nonce ??= object.nonce
    if (id === 0) this.#predecessors = object.predecessors
    this.#nextId = id + 1
    this.#nextBatch += object.batchCount
    this.#hash = object.hash
    return object
  }

  #assertNext(object: StoredObject): void {
    const { dataId, epoch } = this.#walk
    if (object.dataId !== dataId) throw this.#damaged(`belongs to the data directory ${object.dataId}`)
    if (object.epoch !== epoch) throw this.#damaged(`belongs to epoch ${object.epoch}`)
    if (object.id !== this.#nextId) throw this.#damaged(`says that it is object ${object.id}`)
    const isNameless = object.successor !== undefined && object.nonce === NONCE_UNKNOWN
    if (this.#nonce !== undefined && object.nonce !== this.#nonce && !isNameless) {
      throw this.#damaged(`belongs to the ledger ${object.nonce}`)
    }
    if (object.previousHash !== this.#hash) throw this.#damaged('does not follow the object before it')
    if (object.firstBatch !== this.#nextBatch || object.firstSeq !== this.#lastSeq + 1) {
      throw this.#damaged('leaves out what comes before it')
    }
  }

  /** The records of an object whose place is right. */
  *recordsOf({ id, body, recordCount, lastSeq }: StoredObject): Generator<PlacedRecord, void> {
    const records = decodeBody(body, recordCount)
    if ('isNewer' in records) {
      throw records.isNewer
        ? newerFormat({ segmentId: id, offset: records.at }, records.reason)
        : this.#damagedAt(id, records.reason)
    }
    for (const { record, at } of records) {
      const place = { segmentId: id, offset: at }
      if (record.kind !== 'part') {
        if (!this.#assembly.passOther()) throw this.#damagedAt(id, 'breaks an entry off')
        this.#lastSeq += 1
        yield { record, place, seq: this.#lastSeq }
        continue
      }
      const assembly = this.#assembly.add(record, place)
      if (record.isLast) this.#lastSeq += 1
      if (assembly === 'incomplete') continue
      if ('fault' in assembly) throw this.#damagedAt(id, assembly.fault)
      yield { record: assembly.entry, place: assembly.place, seq: this.#lastSeq }
    }
    if (this.#lastSeq !== lastSeq) throw this.#damagedAt(id, 'has other records than it says')
  }

  endAt(sealId: number, successor: LedgerName): StoredEnd {
    const { epoch, nonce } = this.#walk.successor
    const isMine = successor.epoch === epoch && successor.nonce === nonce
    return { successor, isMine, sealId, lastSeq: this.#lastSeq, predecessors: this.#predecessors }
  }

  #damaged(reason: string): TenaxError {
    return this.#damagedAt(this.#nextId, reason)
  }

  #damagedAt(id: number, reason: string): TenaxError {
    const ledger = ledgerDirectoryName({ epoch: this.#walk.epoch, nonce: this.#nonce ?? NONCE_UNKNOWN })
    return new TenaxError('ledger_damaged', `the stored object ${segmentName(id)} of ${ledger} ${reason}`, {
      hint: 'nothing behind it was used; restore it from a copy of the bucket',
      details: { segment: segmentName(id), segmentId: id, ledger, reason },
    })
  }
}
