/** What a directory holds of a ledger, before any batch is read: which segments, and whether they belong together. */
import type { LedgerPlace } from './core/batch-header.ts'
import { SEGMENT_HEADER_BYTES } from './core/layout.ts'
import { decodeSegmentHeader, type SegmentHeader } from './core/segment-header.ts'
import { damaged, newerFormat } from './damage.ts'
import { parseSegmentName, type SegmentFiles, segmentName } from './segment-files.ts'

/** Where a ledger lies, and which it must be. */
export interface LedgerSource {
  readonly directory: string
  readonly files: SegmentFiles
  /** Refuses every other ledger. Default: what the directory's name says, else what the first segment says. */
  readonly expected?: LedgerName
  /** Void from here on: an earlier recovery cut the ledger, and a later one's segment headers say so. */
  readonly cut?: LedgerPlace
}

/** Which ledger. */
export interface LedgerName {
  readonly epoch: number
  readonly nonce: string
}

/** The name of a ledger's directory. */
export function ledgerDirectoryName({ epoch, nonce }: LedgerName): string {
  return `${String(epoch).padStart(8, '0')}-${nonce}`
}

/** The ledger that a directory's name says; undefined when it is another kind of directory. */
export function parseLedgerDirectoryName(name: string): LedgerName | undefined {
  const match = /^(\d{8,10})-([a-z0-9]{20})$/.exec(name)
  return match?.[1] === undefined || match[2] === undefined ? undefined : { epoch: Number(match[1]), nonce: match[2] }
}

/** A segment in a directory. Only the last one may lack its header: the crash came before that was written. */
export interface ListedSegment {
  readonly id: number
  /** Length of its file. */
  readonly fileBytes: number
  readonly header: SegmentHeader | undefined
}

/** The segments of a ledger, and which it is; undefined when no name and no header tell. */
export interface SegmentList {
  readonly segments: readonly ListedSegment[]
  readonly ledger: LedgerName | undefined
}

/**
 * The unbroken run of segments up to the last one. Segments before a gap are left out: a crash in the middle of a trim
 * leaves such, and the reader checks at the end that a watermark covers the gap.
 *
 * @throws TenaxError `ledger_damaged`, `data_format_newer`
 */
export async function listSegments(source: LedgerSource): Promise<SegmentList> {
  const names = await source.files.list(source.directory)
  const idMax = source.cut?.segmentId ?? Number.POSITIVE_INFINITY
  const ids = names.map(parseSegmentName).filter((id): id is number => id !== undefined && id <= idMax)
  ids.sort((a, b) => a - b)
  const run = ids.filter((id, index) => ids.length - index === (ids.at(-1) ?? 0) - id + 1)
  const segments: ListedSegment[] = []
  for (const id of run) segments.push(await readHeader(source, id))
  const ledger = source.expected ?? nameOf(source.directory) ?? segments[0]?.header
  for (const [index, segment] of segments.entries()) {
    const { id, header } = segment
    if (header !== undefined) {
      assertBelongs(header, { id, ledger })
      continue
    }
    assertLength(segment, { offset: 0, bytesMin: SEGMENT_HEADER_BYTES, cut: source.cut })
    if (index < segments.length - 1) throw damaged({ segmentId: id, offset: 0 }, 'its header is wrong')
  }
  return { segments, ledger }
}

function nameOf(directory: string): LedgerName | undefined {
  return parseLedgerDirectoryName(directory.split('/').findLast((part) => part !== '') ?? '')
}

async function readHeader({ directory, files }: LedgerSource, id: number): Promise<ListedSegment> {
  const file = await files.open(`${directory}/${segmentName(id)}`, 'read')
  try {
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES)
    const byteCount = await file.read(bytes, 0)
    const header = decodeSegmentHeader(bytes.subarray(0, byteCount))
    if (header === 'newer') throw newerFormat({ segmentId: id, offset: 0 }, 'the header has a newer version')
    return { id, fileBytes: await file.length(), header: header === 'torn' ? undefined : header }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EISDIR')) throw error
    throw damaged({ segmentId: id, offset: 0 }, 'a directory has its name')
  } finally {
    await file.close()
  }
}

function assertBelongs(header: SegmentHeader, { id, ledger }: { id: number; ledger: LedgerName | undefined }): void {
  const at: LedgerPlace = { segmentId: id, offset: 0 }
  if (header.segmentId !== id) throw damaged(at, `the file holds segment ${segmentName(header.segmentId)}`)
  if (ledger !== undefined && (header.nonce !== ledger.nonce || header.epoch !== ledger.epoch)) {
    throw damaged(at, 'the segment belongs to another ledger')
  }
}

/** How long a segment's file must be. */
export interface LengthClaim {
  /** Where reading stopped in it. */
  readonly offset: number
  /** What its writer had fsynced before the file got its name. */
  readonly bytesMin: number
  /** What lies behind it may be missing. */
  readonly cut: LedgerPlace | undefined
}

/**
 * A crash leaves no segment shorter than it was when it got its name: then it was cut short later, with whatever stood there.
 *
 * @throws TenaxError `ledger_damaged`
 */
export function assertLength({ id, fileBytes }: ListedSegment, { offset, bytesMin, cut }: LengthClaim): void {
  const neededBytes = cut?.segmentId === id ? Math.min(bytesMin, cut.offset) : bytesMin
  if (fileBytes >= neededBytes) return
  throw damaged({ segmentId: id, offset }, `the file is ${fileBytes} bytes long, and was at least ${bytesMin}`)
}
