/**
 * The history of every file, replayed page by page from the entries of the ledgers: what each file must be, byte for byte.
 * It shares nothing with recovery but the reader of the ledger's format.
 */
import { join } from 'node:path'
import { type EntryRecord, type PlacedRecord, readLedger, type SegmentFiles } from '@tenax/ledger'
import { withBytes } from './survivors.ts'

const PAGE_BYTES = 4096

interface Image {
  bytes: Buffer
  lsn: number
  lineage: string
}

/** Files as an uninterrupted replay makes them. */
export class Replay {
  readonly #images = new Map<string, Image>()
  readonly faults: string[] = []

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
  }

  #blame({ incarnation, lsn }: EntryRecord, text: string): void {
    this.faults.push(`commit ${lsn} of ${incarnation}: ${text}`)
  }
}

function applied(image: Buffer, { pages, databasePages }: EntryRecord): Buffer {
  let bytes: Buffer = Buffer.from(image)
  for (const page of pages) bytes = withBytes(bytes, page.bytes, (page.number - 1) * PAGE_BYTES)
  return Buffer.concat([bytes], databasePages * PAGE_BYTES)
}

/** What a power cut left of a ledger, beside all that was ever written to it. */
export interface CutLedger {
  readonly directory: string
  readonly left: SegmentFiles
  readonly written: SegmentFiles
}

/**
 * The records that the cut left, in order, the trimmed ones included. Throws what the reader throws, and an Error when they
 * are no beginning of what was written.
 */
export async function survivingRecords({ directory, left, written }: CutLedger): Promise<PlacedRecord[]> {
  const found = await gathered(readLedger({ directory, files: left }))
  const lastSeq = found.at(-1)?.seq ?? 0
  const all = (await gathered(readLedger({ directory, files: written }))).filter(({ seq }) => seq <= lastSeq)
  for (const { seq, record } of found) {
    const original = all[seq - 1]
    if (original === undefined || original.seq !== seq || nameOf(original.record) !== nameOf(record)) {
      throw new Error(`record ${seq} of ${join(directory)} is not the one that was written`)
    }
  }
  return all
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
