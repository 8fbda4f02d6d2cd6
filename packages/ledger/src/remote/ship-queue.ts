/**
 * What is fsynced and not yet on its way to object storage: batches in memory, up to a bound, and behind them a place in the
 * ledger's own segments from where the rest is read back. Those segments stay until it is stored (LEDGER K3).
 */

import { decodeBody } from '../core/batch-body.ts'
import { decodeBatchHeader, type LedgerPlace } from '../core/batch-header.ts'
import { batchSeed, hash64 } from '../core/hash.ts'
import { BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES } from '../core/layout.ts'
import { damaged } from '../damage.ts'
import { type SegmentFiles, segmentName } from '../segment-files.ts'
import { SegmentWindow } from '../segment-window.ts'

/** A batch that was fsynced. */
export interface DurableBatch {
  readonly number: number
  readonly place: LedgerPlace
  readonly recordCount: number
  readonly firstSeq: number
  /** Number of the last record that has ended when this batch ends. */
  readonly lastSeq: number
  /** Its memory is used again once whoever takes it returns. */
  readonly body: Buffer
}

/** What a queue is made with. */
export interface ShipQueueOptions {
  readonly files: SegmentFiles
  readonly directory: string
  readonly nonce: string
  readonly memoryBytesMax: number
}

/** The queue in front of object storage. */
export class ShipQueue {
  readonly #options: ShipQueueOptions
  readonly #seed: bigint
  #inMemory: DurableBatch[] = []
  #memoryBytes = 0
  /** Where the first batch stands that is not in memory. */
  #onDisk: { readonly place: LedgerPlace; readonly number: number } | undefined
  #last: { readonly segmentId: number; readonly number: number } = { segmentId: 0, number: 0 }

  constructor(options: ShipQueueOptions) {
    this.#options = options
    this.#seed = batchSeed(options.nonce)
  }

  get memoryBytes(): number {
    return this.#memoryBytes
  }

  /** The first segment that something in the queue stands in. */
  get firstSegmentId(): number | undefined {
    return this.#inMemory[0]?.place.segmentId ?? this.#onDisk?.place.segmentId
  }

  /** Takes the next batch, by copy or by its place. */
  add(batch: DurableBatch): void {
    const { place, number, body } = batch
    this.#last = { segmentId: place.segmentId, number }
    if (this.#onDisk !== undefined) return
    if (this.#memoryBytes + body.length > this.#options.memoryBytesMax) {
      this.#onDisk = { place, number }
      return
    }
    this.#inMemory.push({ ...batch, body: Buffer.from(body) })
    this.#memoryBytes += body.length
  }

  /** The next batches in order, together at most `bytesMax` unless the first is longer; none when there are none. */
  async take(bytesMax: number): Promise<readonly DurableBatch[]> {
    if (this.#inMemory.length === 0 && this.#onDisk !== undefined) await this.#readBack(bytesMax)
    let [count, bytes] = [0, 0]
    for (const { body } of this.#inMemory) {
      if (count > 0 && bytes + body.length > bytesMax) break
      count += 1
      bytes += body.length
    }
    this.#memoryBytes -= bytes
    return this.#inMemory.splice(0, count)
  }

  async #readBack(bytesMax: number): Promise<void> {
    let bytes = 0
    for (let from = this.#onDisk; from !== undefined && bytes < bytesMax; from = this.#onDisk) {
      const { batches, next } = await this.#readSegment(from, bytesMax - bytes)
      for (const batch of batches) bytes += batch.body.length
      this.#inMemory.push(...batches)
      // What was added while this was read stands behind it: there may be more now.
      this.#onDisk = next.number > this.#last.number ? undefined : next
    }
    this.#memoryBytes += bytes
  }

  async #readSegment(from: { place: LedgerPlace; number: number }, bytesMax: number) {
    const { files, directory } = this.#options
    const { segmentId } = from.place
    let { number } = from
    let { offset } = from.place
    const batches: DurableBatch[] = []
    const file = await files.open(`${directory}/${segmentName(segmentId)}`, 'read')
    try {
      const window = new SegmentWindow(file)
      for (let bytes = 0; number <= this.#last.number; ) {
        const batch = await this.#batchAt(window, { segmentId, offset })
        if (batch === undefined || batch.number > number) return this.#goOn(batches, { segmentId, number })
        offset += BATCH_HEADER_BYTES + batch.body.length
        if (batch.number < number) continue // a full disk refused it behind the end of the segment before
        if (bytes > 0 && bytes + batch.body.length > bytesMax) break
        batches.push(batch)
        bytes += batch.body.length
        number += 1
        if (bytes >= bytesMax) break
      }
      const last = batches.at(-1)
      const at = last === undefined ? from.place.offset : last.place.offset + BATCH_HEADER_BYTES + last.body.length
      return { batches, next: { place: { segmentId, offset: at }, number } }
    } finally {
      await file.close()
    }
  }

  #goOn(batches: readonly DurableBatch[], { segmentId, number }: { segmentId: number; number: number }) {
    const place = { segmentId: segmentId + 1, offset: SEGMENT_HEADER_BYTES }
    if (place.segmentId > this.#last.segmentId) throw damaged(place, `batch ${number}, to be stored, is not there`)
    return { batches, next: { place, number } }
  }

  async #batchAt(window: SegmentWindow, place: LedgerPlace): Promise<DurableBatch | undefined> {
    const header = decodeBatchHeader(await window.view(place.offset, BATCH_HEADER_BYTES), this.#seed)
    if (header === undefined || header.segmentId !== place.segmentId) return undefined
    const body = await window.view(place.offset + BATCH_HEADER_BYTES, header.bodyBytes)
    if (hash64(body, this.#seed) !== header.bodyHash) return undefined
    const records = decodeBody(body, header.recordCount)
    if ('isNewer' in records) throw damaged(place, records.reason)
    const ended = records.filter(({ record }) => record.kind !== 'part' || record.isLast).length
    const { number, recordCount, firstSeq } = header
    return { number, place, recordCount, firstSeq, lastSeq: firstSeq - 1 + ended, body }
  }
}
