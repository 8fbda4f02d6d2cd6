/**
 * Makes files out of the entries of stored ledgers, in the order in which they were committed. What is read is written at once, so
 * memory holds a few words and a bit per page of each file, however much there is.
 *
 * 1. A commit goes onto the one before it of the same lineage. An entry that recovery wrote, with the last images of many commits,
 *    goes onto any commit that is not after it.
 * 2. An entry that does not follow, or comes behind a record that lets go of the file, begins a new run: the pages before it count no more, and what has them must be a snapshot.
 * 3. The last image of a page wins; a file is as long as its last entry says.
 */
import { join } from 'node:path'
import type { Incarnation, Lineage } from '@tenax/kernel'
import type { EntryRecord, LedgerPage, LedgerRecord } from '@tenax/ledger'
import { PAGE_BYTES } from '@tenax/sqlite'
import { COALESCED, checksumOf, FRESH } from '../../durability/entry-flags.ts'
import { RECOVERY_FILES_MAX, RECOVERY_WRITE_PAGES } from '../../limits.ts'
import { OpenFiles } from './open-files.ts'
import { PageSet } from './page-set.ts'

/** What the entries of one file came to. */
export interface ChainFile {
  readonly incarnation: Incarnation
  readonly path: string
  readonly lineage: Lineage
  readonly lsn: number
  readonly databasePages: number
  /** Of the whole file; undefined when nobody knew it. */
  readonly checksum: bigint | undefined
  /** Pages outside of `known` are those of a snapshot at the commit before this one or later. */
  readonly startsAt: number
  /** The pages that the entries hold. */
  readonly known: PageSet
  /** Why pages from before `startsAt` do not count; undefined when there were none. */
  readonly gap: string | undefined
  /** The ledgers let go of it behind its last entry: it was set aside, lent, or restored, and may have gone on without them. */
  readonly isForgotten: boolean
}

type Building = { -readonly [Key in keyof ChainFile]: ChainFile[Key] }

/** The files of a chain, in one directory, each under the name of its incarnation. */
export class ChainFiles {
  readonly #directory: string
  readonly #open = new OpenFiles(RECOVERY_FILES_MAX)
  readonly #files = new Map<Incarnation, Building>()

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Takes the next record. What is forgotten stays: whether somebody still names it is the catalog's to say. */
  take(record: LedgerRecord): void {
    if (record.kind === 'entry') this.#takeEntry(record)
    const known = record.kind === 'forget' ? this.#files.get(record.incarnation) : undefined
    if (known !== undefined) known.isForgotten = true
  }

  #takeEntry(record: EntryRecord): void {
    const file = this.#follow(record)
    const isShorter = record.databasePages < file.databasePages
    const { lineage, lsn, databasePages } = record
    Object.assign(file, { lineage, lsn, databasePages, checksum: checksumOf(record), isForgotten: false })
    if (isShorter) {
      file.known.cut(databasePages)
      this.#open.truncate(file.path, databasePages * PAGE_BYTES)
    }
    for (const run of runsOf(record)) this.#write(file, run)
  }

  /** The file that the entry is of, with nothing in it that the entry does not go onto. */
  #follow(entry: EntryRecord): Building {
    const { incarnation, lineage, lsn } = entry
    const startsAt = (entry.flags & COALESCED) === 0 ? lsn : 0
    const known = this.#files.get(incarnation)
    if (known === undefined) {
      const path = join(this.#directory, `${incarnation}.db`)
      const place = { incarnation, path, lineage, lsn, startsAt, known: new PageSet() }
      const made = { ...place, databasePages: 0, checksum: undefined, gap: undefined, isForgotten: false }
      this.#files.set(incarnation, made)
      return made
    }
    if (follows(entry, known)) return known
    known.gap = `after commit ${known.lsn} the stored ledgers have commit ${lsn}`
    known.startsAt = Math.max((entry.flags & COALESCED) === 0 ? lsn : 0, known.lsn + (isFresh(entry) ? 2 : 1))
    known.known.clear()
    return known
  }

  #write(file: Building, run: readonly LedgerPage[]): void {
    const first = run[0]?.number ?? 1
    this.#open.write(file.path, Buffer.concat(run.map(({ bytes }) => bytes)), (first - 1) * PAGE_BYTES)
    for (const { number } of run) file.known.add(number)
  }

  get(incarnation: Incarnation): ChainFile | undefined {
    return this.#files.get(incarnation)
  }

  /** Incarnations that have entries. */
  incarnations(): IterableIterator<Incarnation> {
    return this.#files.keys()
  }

  /** Lets go of all files. */
  close(): void {
    this.#open.close()
  }
}

function isFresh({ flags }: EntryRecord): boolean {
  return (flags & FRESH) !== 0
}

function follows(entry: EntryRecord, known: Building): boolean {
  const { flags, lsn, lineage, parentLineage } = entry
  if (known.isForgotten || isFresh(entry)) return false
  if ((flags & COALESCED) === 0) return lsn === known.lsn + 1 && parentLineage === known.lineage
  return lsn > known.lsn || (lsn === known.lsn && lineage === known.lineage)
}

/** Pages that lie side by side, so that each run is one write. */
function* runsOf({ pages, databasePages }: EntryRecord): Generator<readonly LedgerPage[]> {
  const sorted = pages.filter(({ number }) => number <= databasePages).sort((a, b) => a.number - b.number)
  let run: LedgerPage[] = []
  for (const page of sorted) {
    const last = run.at(-1)
    if (last !== undefined && (page.number !== last.number + 1 || run.length >= RECOVERY_WRITE_PAGES)) {
      yield run
      run = []
    }
    run.push(page)
  }
  if (run.length > 0) yield run
}
