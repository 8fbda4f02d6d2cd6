/**
 * What the ledgers of a data directory say about each file beyond its last checkpoint: the last image of every page, to be
 * laid down as one log (LEDGER, "The idea"). Fed with all records of all ledgers, oldest ledger first, in their order.
 *
 * Where ledgers are stored as well, an image stays until it is both: the next ledger brings to the store what this one did not.
 *
 * Memory: at most the ledgers' bound on disk, since pages behind a checkpoint are dropped as soon as it is read.
 */
import type { Incarnation, Lineage } from '@tenax/kernel'
import type { CheckpointRecord, EntryRecord, LedgerPage, LedgerRecord } from '@tenax/ledger'
import { checksumOf, FRESH } from './entry-flags.ts'

/** The state of one file according to the ledgers. */
export interface FileTail {
  readonly incarnation: Incarnation
  readonly lineage: Lineage
  readonly lsn: number
  readonly databasePages: number
  /** Of the whole file; undefined when nobody knew it. */
  readonly checksum: bigint | undefined
  readonly pages: readonly LedgerPage[]
  /** True when the ledgers had let go of the file before this, and nothing that is stored says so. */
  readonly isFresh: boolean
}

/** How far the ledgers are in object storage: the record `seq` of that epoch, and all before it. */
export interface StoredSoFar {
  readonly epoch: number
  readonly seq: number
}

/** Where a record stands. */
interface RecordPlace {
  readonly epoch: number
  readonly seq: number
}

interface Image extends RecordPlace {
  readonly page: LedgerPage
  /** The commit that it is of. */
  readonly lsn: number
}

interface Gathered {
  epoch: number
  lineage: Lineage
  lsn: number
  databasePages: number
  checksum: bigint | undefined
  /** Where the ledgers let go of the file before its first entry here; undefined when they did not. */
  readonly begunBehind: RecordPlace | undefined
  /** The last image of each page. */
  readonly pages: Map<number, Image>
}

/** Tails of all files, gathered from ledgers. */
export class LedgerTails {
  readonly #files = new Map<Incarnation, Gathered>()
  /** Files whose entries do not follow one another, with the reason. */
  readonly gaps = new Map<Incarnation, string>()
  /** Where the ledgers let go of a file that has no entry since. */
  readonly #forgotten = new Map<Incarnation, RecordPlace>()
  readonly #stored: StoredSoFar | undefined

  /** `stored` is undefined where ledgers are not stored. */
  constructor(stored?: StoredSoFar) {
    this.#stored = stored
  }

  /** Takes the record `seq` of the ledger `epoch`. */
  take({ epoch, seq }: { readonly epoch: number; readonly seq: number }, record: LedgerRecord): void {
    if (record.kind === 'entry') this.#takeEntry({ epoch, seq }, record)
    else if (record.kind === 'checkpoint') this.#takeCheckpoint(record)
    else if (record.kind === 'forget') this.#forget(record.incarnation, { epoch, seq })
  }

  /** What was set aside, gap and all, is nobody's trouble any more. */
  #forget(incarnation: Incarnation, place: RecordPlace): void {
    this.#files.delete(incarnation)
    if (this.#stored !== undefined && !this.#isStored(place)) this.#forgotten.set(incarnation, place)
    this.gaps.delete(incarnation)
  }

  #takeEntry({ epoch, seq }: { epoch: number; seq: number }, entry: EntryRecord): void {
    const { incarnation, lineage, lsn, databasePages } = entry
    const checksum = checksumOf(entry)
    const known = this.#files.get(incarnation)
    if (known === undefined) {
      const pages = new Map(entry.pages.map((page) => [page.number, { page, lsn, epoch, seq }]))
      const begunBehind = (entry.flags & FRESH) === 0 ? this.#forgotten.get(incarnation) : { epoch, seq }
      this.#forgotten.delete(incarnation)
      this.#files.set(incarnation, { epoch, lineage, lsn, databasePages, checksum, pages, begunBehind })
      return
    }
    // A recovery that was cut short has copied what the older ledger still holds.
    if (epoch > known.epoch && lsn <= known.lsn && lineage === known.lineage) return
    if (lsn !== known.lsn + 1 || entry.parentLineage !== known.lineage) {
      this.gaps.set(incarnation, `after commit ${known.lsn} the ledger has commit ${lsn}`)
      return
    }
    Object.assign(known, { epoch, lineage, lsn, databasePages, checksum })
    for (const page of entry.pages) known.pages.set(page.number, { page, lsn, epoch, seq })
    for (const number of known.pages.keys()) if (number > databasePages) known.pages.delete(number)
  }

  #takeCheckpoint({ incarnation, lsn }: CheckpointRecord): void {
    const known = this.#files.get(incarnation)
    for (const [number, image] of known?.pages ?? []) {
      if (image.lsn <= lsn && this.#isStored(image)) known?.pages.delete(number)
    }
  }

  /** What an older ledger has of a stored one's copies may be more than what is stored of those. */
  #isStored({ epoch, seq }: RecordPlace): boolean {
    if (this.#stored === undefined) return true
    return epoch === this.#stored.epoch && seq <= this.#stored.seq
  }

  /** The files that have commits beyond their last checkpoint, or that are not stored. */
  *files(): Generator<FileTail, void, void> {
    for (const [incarnation, { lineage, lsn, databasePages, checksum, pages, begunBehind }] of this.#files) {
      if (pages.size === 0) continue
      const images = Array.from(pages.values(), ({ page }) => page)
      const isFresh = begunBehind !== undefined && this.#stored !== undefined && !this.#isStored(begunBehind)
      yield { incarnation, lineage, lsn, databasePages, checksum, pages: images, isFresh }
    }
  }
}
