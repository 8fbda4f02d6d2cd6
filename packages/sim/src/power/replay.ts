/**
 * The history of every file, replayed page by page from the entries of the ledgers: what each file must be, byte for byte.
 * It shares nothing with recovery but the reader of the ledger's format.
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { type EntryRecord, type PlacedRecord, readLedger, type SegmentFiles } from '@tenax/ledger'
import { hashPage } from '@tenax/sqlite'
import { withBytes } from './survivors.ts'

const PAGE_BYTES = 4096
/** Flags of an entry, as the ledger's FORMAT.md has them. */
const COALESCED = 1
const NO_CHECKSUM = 2

/** A file, and the position of its last commit. */
export interface Image {
  bytes: Buffer
  lsn: number
  lineage: string
}

/** Files as an uninterrupted replay makes them. */
export class Replay {
  readonly #images = new Map<string, Image>()
  readonly #positions = new Map<string, number>()
  readonly faults: string[] = []

  /**
   * Takes an entry that was written, whether the cut left it or not: a position must not come back as another commit
   * (LEDGER P1). Recovery's copies hold many commits and are left out.
   */
  see(entry: EntryRecord): void {
    if ((entry.flags & COALESCED) !== 0) return
    const { incarnation, lineage, lsn, pages } = entry
    const position = `${incarnation} ${lineage} ${lsn}`
    const sum = pages.reduce((all, page) => crc32(page.bytes, all + page.number), 0)
    if ((this.#positions.get(position) ?? sum) !== sum) this.#blame(entry, 'its position was that of another commit')
    this.#positions.set(position, sum)
  }

  /** Begins with a file that was closed well, and of which no entry will be seen again. */
  begin(incarnation: string, image: Readonly<Image>): void {
    this.#images.set(incarnation, { ...image })
  }

  /** The file of `incarnation`; undefined when no entry of it was recovered. */
  image(incarnation: string): Image | undefined {
    return this.#images.get(incarnation)
  }

  /** Takes the recovered entries of one ledger, in their order. */
  take(entry: EntryRecord): void {
    const known = this.#images.get(entry.incarnation)
    if (known === undefined) {
      this.#images.set(entry.incarnation, {
        bytes: applied(Buffer.alloc(0), entry),
        lsn: entry.lsn,
        lineage: entry.lineage,
      })
      this.#checkSum(entry)
      if (entry.pages.length !== entry.databasePages) this.#blame(entry, 'its first entry does not hold all its pages')
      return
    }
    const isCopy = entry.lsn === known.lsn && entry.lineage === known.lineage
    if (!isCopy && (entry.lsn !== known.lsn + 1 || entry.parentLineage !== known.lineage)) {
      this.#blame(entry, `its last was ${known.lsn}, or its parent has another lineage`)
      return
    }
    const bytes = applied(known.bytes, entry)
    if (isCopy && !bytes.equals(known.bytes)) this.#blame(entry, 'its copy has other pages')
    this.#images.set(entry.incarnation, { bytes, lsn: entry.lsn, lineage: entry.lineage })
    this.#checkSum(entry)
  }

  /** The page checksum of each commit is that of the bytes (LEDGER X1), and a power cut makes nobody forget it. */
  #checkSum(entry: EntryRecord): void {
    const { bytes } = this.#images.get(entry.incarnation) ?? { bytes: Buffer.alloc(0) }
    let checksum = 0n
    for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
      checksum ^= hashPage(at / PAGE_BYTES + 1, bytes.subarray(at, at + PAGE_BYTES))
    }
    if ((entry.flags & NO_CHECKSUM) !== 0) this.#blame(entry, 'nobody knew its page checksum')
    else if (entry.checksum !== checksum) this.#blame(entry, 'its page checksum is not that of its pages')
  }

  #blame({ incarnation, lsn }: EntryRecord, text: string): void {
    this.faults.push(`commit ${lsn} of ${incarnation}: ${text}`)
  }
}

function applied(image: Buffer, { pages, databasePages }: EntryRecord): Buffer {
  let bytes: Buffer = Buffer.from(image)
  for (const page of pages) bytes = withPage(bytes, page.number, page.bytes)
  return Buffer.concat([bytes], databasePages * PAGE_BYTES)
}

/** `file` with one of its pages written. */
export function withPage(file: Buffer, number: number, page: Uint8Array): Buffer {
  return withBytes(file, page, (number - 1) * PAGE_BYTES)
}

/** What a power cut left of a ledger, beside all that was ever written to it. */
export interface CutLedger {
  readonly directory: string
  readonly left: SegmentFiles
  readonly written: SegmentFiles
}

/** Records in their order. */
export interface CutRecords {
  readonly written: readonly PlacedRecord[]
  /** What the cut left of them, the trimmed ones included. */
  readonly surviving: readonly PlacedRecord[]
}

/** Throws what the reader throws, and an Error when what is left is no beginning of what was written. */
export async function cutRecords({ directory, left, written }: CutLedger): Promise<CutRecords> {
  const found = await gathered(readLedger({ directory, files: left }))
  const lastSeq = found.at(-1)?.seq ?? 0
  const all = await gathered(readLedger({ directory, files: written }))
  for (const { seq, record } of found) {
    const original = all[seq - 1]
    if (original === undefined || original.seq !== seq || nameOf(original.record) !== nameOf(record)) {
      throw new Error(`record ${seq} of ${join(directory)} is not the one that was written`)
    }
  }
  return { written: all, surviving: all.filter(({ seq }) => seq <= lastSeq) }
}

async function gathered(records: AsyncIterable<PlacedRecord>): Promise<PlacedRecord[]> {
  const all: PlacedRecord[] = []
  for await (const placed of records) all.push(placed)
  return all
}

function nameOf(record: PlacedRecord['record']): string {
  if (record.kind !== 'entry') return record.kind
  return `entry ${record.incarnation} ${record.lineage} ${record.lsn} ${record.pages.length}`
}
