/**
 * Walks the batches of a ledger in order and checks the chain: every batch follows the one before it by number and hash,
 * every segment the one before it by what its header says.
 *
 * The header of a segment is written only after everything before it was fsynced. So it tells exactly where the segment
 * before it ends (what lies there behind is what a full disk left), and a batch missing there is damage. Only the last
 * segment can be torn, or have no header yet.
 */
import { type BodyRecord, decodeBody } from './core/batch-body.ts'
import { decodeBatchHeader, type HashedBatchHeader, isBefore, type LedgerPlace } from './core/batch-header.ts'
import { batchSeed, hash64 } from './core/hash.ts'
import { BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES } from './core/layout.ts'
import { damaged, newerFormat } from './damage.ts'
import { type SegmentFile, segmentName } from './segment-files.ts'
import { assertLength, type LedgerSource, type ListedSegment, type SegmentList } from './segment-list.ts'
import { SegmentWindow } from './segment-window.ts'
import { searchTail } from './tail.ts'

/** A batch whose hashes and place in the chain are right. */
export interface WalkedBatch {
  readonly header: HashedBatchHeader
  readonly place: LedgerPlace
  readonly records: readonly BodyRecord[]
}

/** Where the walk ended. `torn`: something that is no whole batch lies there; `open`: nothing does. */
export interface WalkEnd {
  readonly state: 'open' | 'torn'
  readonly place: LedgerPlace
}

/** What the next batch must say. */
interface Chain {
  readonly epoch: number
  readonly seed: bigint
  number: number
  hash: bigint
}

/** Yields the batches of `list`. */
export async function* walkBatches(
  source: LedgerSource,
  { segments, ledger }: SegmentList,
): AsyncGenerator<WalkedBatch, WalkEnd> {
  const first = segments[0]
  if (first?.header === undefined || ledger === undefined) {
    return judge(
      source,
      { segments, seed: ledger && batchSeed(ledger.nonce), epoch: ledger?.epoch ?? 0 },
      {
        segmentId: first?.id ?? 0,
        offset: 0,
      },
    )
  }
  const { epoch, firstBatch, previousHash } = first.header
  const chain: Chain = { epoch, seed: batchSeed(ledger.nonce), number: firstBatch, hash: previousHash }
  let stop: LedgerPlace = { segmentId: first.id, offset: 0 }
  for (const [index, segment] of segments.entries()) {
    if (segment.header === undefined) break
    assertFollows(segment, chain)
    const ended = yield* walkSegment(source, { segment, end: segments[index + 1]?.header?.firstBatch, chain })
    stop = { segmentId: segment.id, offset: ended }
    if (source.cut !== undefined && !isBefore(stop, source.cut)) return { state: 'torn', place: stop }
  }
  return judge(source, { segments, seed: chain.seed, epoch }, stop)
}

function assertFollows({ id, header }: ListedSegment, chain: Chain): void {
  const isFirst = id > 0 || (header?.firstBatch === 1 && header.previousHash === 0n)
  if (isFirst && header?.firstBatch === chain.number && header.previousHash === chain.hash) return
  throw damaged({ segmentId: id, offset: 0 }, 'the segment does not follow the batch before it')
}

interface SegmentWalk {
  readonly segment: ListedSegment
  /** Number of the first batch of the next segment, when there is one that says so. */
  readonly end: number | undefined
  readonly chain: Chain
}

/** Yields the batches of one segment; answers the offset behind the last of them. */
async function* walkSegment(source: LedgerSource, walk: SegmentWalk): AsyncGenerator<WalkedBatch, number> {
  const { chain, segment, end } = walk
  const file = await source.files.open(`${source.directory}/${segmentName(segment.id)}`, 'read')
  try {
    const window = new SegmentWindow(file)
    let offset = SEGMENT_HEADER_BYTES
    while (chain.number !== end) {
      const place = { segmentId: segment.id, offset }
      if (source.cut !== undefined && !isBefore(place, source.cut)) return offset
      const batch = await readBatch(window, place, chain)
      if (typeof batch === 'string') {
        if (end !== undefined) throw damaged(place, `${batch}, and a later segment follows it`)
        return offset
      }
      chain.number += 1
      chain.hash = batch.header.hash
      offset += BATCH_HEADER_BYTES + batch.header.bodyBytes
      yield batch
    }
    return offset
  } finally {
    await file.close()
  }
}

/** The batch at `place`, or why there is none. */
async function readBatch(window: SegmentWindow, place: LedgerPlace, chain: Chain): Promise<WalkedBatch | string> {
  const header = decodeBatchHeader(await window.view(place.offset, BATCH_HEADER_BYTES), chain.seed)
  if (header === undefined) return 'there is no whole batch header'
  assertChained(header, place, chain)
  const body = await window.view(place.offset + BATCH_HEADER_BYTES, header.bodyBytes)
  if (body.length < header.bodyBytes) return 'the batch is cut short'
  if (hash64(body, chain.seed) !== header.bodyHash) return 'the batch does not have the hash that it says'
  const records = decodeBody(body, header.recordCount)
  if (!('isNewer' in records)) return { header, place, records }
  const at = { segmentId: place.segmentId, offset: place.offset + BATCH_HEADER_BYTES + records.at }
  throw records.isNewer ? newerFormat(at, records.reason) : damaged(at, records.reason)
}

/** A header whose hash is right was written by this ledger: no crash puts it where it does not belong. */
function assertChained(header: HashedBatchHeader, place: LedgerPlace, chain: Chain): void {
  if (header.epoch !== chain.epoch || header.segmentId !== place.segmentId) {
    throw damaged(place, `the batch belongs to ${segmentName(header.segmentId)} of epoch ${header.epoch}`)
  }
  if (header.number !== chain.number || header.previousHash !== chain.hash) {
    throw damaged(place, `batch ${header.number} stands where batch ${chain.number} belongs`)
  }
  if (isBefore(place, header.durableEnd)) throw damaged(place, 'the batch claims that bytes behind it were durable')
}

/** Decides between tear and damage at `stop`, by everything that lies behind it. */
async function judge(
  source: LedgerSource,
  ledger: { segments: readonly ListedSegment[]; seed: bigint | undefined; epoch: number },
  stop: LedgerPlace,
): Promise<WalkEnd> {
  const stopped = ledger.segments.find(({ id }) => id === stop.segmentId)
  if (stopped?.header !== undefined) {
    assertLength(stopped, { offset: stop.offset, bytesMin: stopped.header.fileBytesMin, cut: source.cut })
  }
  let hasBytes = false
  for (const { id } of ledger.segments.filter((segment) => segment.id >= stop.segmentId)) {
    const file = await source.files.open(`${source.directory}/${segmentName(id)}`, 'read')
    const tail = await search(file, { ...ledger, stop, segmentId: id })
    if (tail.proof !== undefined) {
      const proof = `${segmentName(tail.proof.segmentId)} at offset ${tail.proof.offset}`
      throw damaged(stop, `there is no whole batch, but one behind it (${proof}) was written when this was fsynced`)
    }
    hasBytes ||= tail.hasBytes
  }
  return { state: hasBytes ? 'torn' : 'open', place: stop }
}

type Search = Omit<Parameters<typeof searchTail>[0], 'file' | 'from'>

async function search(file: SegmentFile, where: Search): ReturnType<typeof searchTail> {
  try {
    return await searchTail({ ...where, file, from: where.segmentId === where.stop.segmentId ? where.stop.offset : 0 })
  } finally {
    await file.close()
  }
}
