/**
 * What waits for the disk: batches in order, the last of them still open for more records.
 *
 * 1. A record is encoded into its batch's own memory at once, so callers may reuse theirs.
 * 2. Records stand in order of `seq`, and the parts of one entry stand together.
 * 3. A batch that was taken for writing gets no more records; it stays here until `dropDurable`, so nothing that the disk
 *    refused is lost.
 * 4. Memory is given back to the free list only by `dropDurable`, when no write reads it any more.
 */
import { assert } from '@tenax/kernel'
import { controlBytes, encodeControl, encodePart } from './core/batch-body.ts'
import type { LedgerPlace } from './core/batch-header.ts'
import { encodedEntryBytes, partBytes, partPagesMax } from './core/entry-part.ts'
import { BATCH_HEADER_BYTES, PAGE_BYTES } from './core/layout.ts'
import type { PinEffect } from './core/pins.ts'
import type { ControlRecord, EntryRecord } from './core/record.ts'
import { FREE_BUFFERS_MAX } from './limits.ts'
import type { DurableBatch } from './remote/ship-queue.ts'

/** A batch on its way to the disk: room for the header, then the body. */
export interface PendingBatch {
  readonly bytes: Buffer
  /** Bytes used, the header's room included. */
  end: number
  recordCount: number
  /** Number of the first record that ends in this batch or behind it. */
  readonly firstSeq: number
  /** Number of the last record that has ended when this batch ends. */
  lastSeq: number
  readonly effects: PinEffect[]
  /** Where it was written, and its number in the ledger; undefined before. */
  written: { readonly place: LedgerPlace; readonly number: number } | undefined
  /** What `durable()` answers for records of this batch; made for the first who asks. */
  waiting: PromiseWithResolvers<void> | undefined
}

/** The queue in front of the disk. It knows no bound: its owner asks for `bufferedBytes`. */
export class BatchBuffer {
  readonly #batchBytesMax: number
  readonly #partPagesMax: number
  readonly #free: Buffer[] = []
  #pending: PendingBatch[] = []
  #open: PendingBatch | undefined
  #seq = 0
  #bufferedBytes = 0

  constructor(batchBytesMax: number) {
    this.#batchBytesMax = batchBytesMax
    this.#partPagesMax = partPagesMax(batchBytesMax - BATCH_HEADER_BYTES)
  }

  /** Number of the last record that was appended. */
  get seq(): number {
    return this.#seq
  }

  /** Bytes of records that are not yet durable. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  /** Bytes that an entry of `pageCount` pages will take here. */
  entryBytes(pageCount: number): number {
    return encodedEntryBytes(pageCount, this.#partPagesMax)
  }

  /** Appends an entry, cut into parts; answers its number. */
  appendEntry(entry: EntryRecord): number {
    assertPages(entry)
    const pageCount = entry.pages.length
    const effect: PinEffect = { kind: 'entry', incarnation: entry.incarnation, lsn: entry.lsn }
    let index = 0
    for (let first = 0; first < pageCount || index === 0; index += 1) {
      const count = Math.min(this.#partPagesMax, pageCount - first)
      this.#put(partBytes(count), effect, (into) => encodePart(into, entry, { index, first, count }))
      first += count
    }
    return this.#endRecord()
  }

  /** Appends a record that is no entry; answers its number. */
  appendControl(record: ControlRecord): number {
    this.#put(controlBytes(record), effectOf(record), (into) => encodeControl(into, record))
    return this.#endRecord()
  }

  #endRecord(): number {
    this.#seq += 1
    if (this.#open !== undefined) this.#open.lastSeq = this.#seq
    return this.#seq
  }

  #put(recordBytes: number, effect: PinEffect | undefined, encode: (into: Buffer) => void): void {
    const batch = this.#batchWithRoom(recordBytes)
    encode(batch.bytes.subarray(batch.end))
    batch.end += recordBytes
    batch.recordCount += 1
    if (effect !== undefined) batch.effects.push(effect)
    this.#bufferedBytes += recordBytes
  }

  #batchWithRoom(recordBytes: number): PendingBatch {
    if (this.#open !== undefined && this.#open.end + recordBytes <= this.#batchBytesMax) return this.#open
    const batch: PendingBatch = {
      bytes: this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#batchBytesMax),
      end: BATCH_HEADER_BYTES,
      recordCount: 0,
      firstSeq: this.#seq + 1,
      lastSeq: this.#seq,
      effects: [],
      written: undefined,
      waiting: undefined,
    }
    assert(batch.end + recordBytes <= this.#batchBytesMax, 'a record fits an empty batch')
    this.#open = batch
    this.#pending.push(batch)
    return batch
  }

  /** All batches that are not durable, oldest first; none of them grows any more. */
  take(): readonly PendingBatch[] {
    this.#open = undefined
    return this.#pending.slice()
  }

  /** Forgets the `count` oldest batches, which are durable. */
  dropDurable(count: number): void {
    for (const batch of this.#pending.splice(0, count)) {
      assert(batch !== this.#open, 'a batch is closed before it is written')
      this.#bufferedBytes -= batch.end - BATCH_HEADER_BYTES
      if (this.#free.length < FREE_BUFFERS_MAX) this.#free.push(batch.bytes)
    }
  }

  /** The batch that makes record `seq` durable; undefined when that is durable already. */
  batchOf(seq: number): PendingBatch | undefined {
    // Who waits has mostly appended just now, so the search begins at the end.
    for (let index = this.#pending.length - 1; index >= 0; index -= 1) {
      if ((this.#pending[index - 1]?.lastSeq ?? 0) < seq) return this.#pending[index]
    }
    return undefined
  }
}

/** A batch as whoever stores it sees it. Its body is memory that is used again. */
export function durableBatch(
  { bytes, end, recordCount, firstSeq, lastSeq }: PendingBatch,
  written: Pick<DurableBatch, 'place' | 'number'>,
): DurableBatch {
  return { ...written, recordCount, firstSeq, lastSeq, body: bytes.subarray(BATCH_HEADER_BYTES, end) }
}

function effectOf(record: ControlRecord): PinEffect | undefined {
  if (record.kind === 'forget') return { kind: 'forget', incarnation: record.incarnation }
  if (record.kind !== 'checkpoint') return undefined
  return { kind: 'checkpoint', incarnation: record.incarnation, lsn: record.lsn }
}

/** Before the first part is written: a later part that failed would leave a torn entry between whole ones. */
function assertPages(entry: EntryRecord): void {
  for (const { number, bytes } of entry.pages) {
    assert(bytes.length === PAGE_BYTES, 'a page of an entry has 4,096 bytes')
    assert(Number.isInteger(number) && number > 0 && number < 2 ** 32, 'pages are numbered from 1, in 32 bits')
  }
}
