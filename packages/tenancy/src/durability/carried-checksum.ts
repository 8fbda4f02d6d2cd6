/**
 * The page checksum of one open file (LEDGER X1): how it is known when the file is opened, and how the file gets to say it.
 *
 * No commit can hold its own checksum. So before a checkpoint, when anything was committed since the last one, a commit is made
 * that changes `tenax_meta`'s row and nothing else: the *stamp*. It holds its own LSN and the checksum of all pages but the one
 * that it is on, which it does not change. Whoever finds the stamp's LSN in the row again finds the file as the stamp left it,
 * and needs no ledger: the checksum is the one in the row and the hash of that page as it is.
 *
 * | the file, when it is opened                | its checksum                                  |
 * |--------------------------------------------|-----------------------------------------------|
 * | new, from the template                     | computed: a few pages                         |
 * | redone by recovery                         | that of its last entry in the ledgers         |
 * | its log is empty, its LSN is the stamp's   | the stamp's                                   |
 * | anything else                              | unknown, until the main file is next verified |
 */
import { basename, dirname } from 'node:path'
import { assert, InvariantError } from '@tenax/kernel'
import { type Capture, checksumOfFile, FileChecksum, hashPage, readMainPage, type SqliteFile } from '@tenax/sqlite'

/** What is known of a file that is being opened. */
export interface FoundFile {
  readonly file: SqliteFile
  readonly lsn: bigint
  /** The page that holds `tenax_meta`'s row. */
  readonly metaPage: number
  /** True when it was just made from the template. */
  readonly isNew: boolean
  /** Where recovery has brought it. */
  readonly redone: { readonly checksum: bigint | undefined } | undefined
  /** What its log holds. */
  readonly log: Capture | undefined
}

/** The checksum of one open file, from commit to commit. Its journal calls everything here. */
export class CarriedChecksum {
  readonly #file: SqliteFile
  readonly #sum: FileChecksum
  /** The last commit that is a stamp, or found as one. */
  #stampedLsn: bigint | undefined
  /** Checkpoints of ours since the last capture. */
  #checkpointCount = 0

  constructor(found: FoundFile) {
    const { file, redone, log } = found
    this.#file = file
    const databasePages = log?.databasePagesBefore ?? pageCount(file)
    const stamped = log === undefined && redone === undefined ? checksumAtRest(found, databasePages) : undefined
    this.#sum = new FileChecksum(file.descriptor, { checksum: stamped ?? redone?.checksum, databasePages })
    if (stamped !== undefined && !found.isNew) this.#stampedLsn = found.lsn
    if (log === undefined) return
    this.#sum.takeRedone(log)
    // Of more than the one commit of recovery nobody knows which page was like what before.
    if (redone === undefined || log.commits.length > 1) this.#sum.lose()
  }

  /** The checksum after the last commit; undefined when it is not known. */
  get value(): bigint | undefined {
    return this.#sum.value
  }

  /** Takes everything that was committed since the last capture, before it goes to the ledger. */
  take(capture: Capture, pages: Capture['pages'] = capture.pages): void {
    // Only a stranger begins a log with other salts than the next: there may have been one before it that no capture saw.
    if (capture.restartCount > this.#checkpointCount) this.#sum.lose()
    this.#checkpointCount = 0
    this.#sum.apply({ pages, databasePages: capture.databasePages })
  }

  /** True when the file does not say what is known. */
  needsStamp(lsn: bigint): boolean {
    return this.value !== undefined && this.#stampedLsn !== lsn
  }

  /** The stamp, inside a transaction: the next LSN and, if it is known, the checksum of all pages but `metaPage`. */
  stamp(metaPage: number): void {
    const others = this.value === undefined ? null : BigInt.asIntN(64, this.value ^ this.#sum.hashOf(metaPage))
    this.#file.engine(STAMP).get([others, others])
  }

  /** Says that the commit `lsn` was the stamp. */
  stamped(lsn: bigint, capture: Capture, metaPage: number): void {
    const [page] = capture.pages
    assert(capture.pageCount === 1 && page?.number === metaPage, 'a stamp changes the page of tenax_meta only')
    if (this.value !== undefined) this.#stampedLsn = lsn
  }

  /** Says that a checkpoint of ours has moved the log into the main file. */
  checkpointed(): void {
    this.#checkpointCount += 1
    this.#sum.checkpointed()
  }

  /** Pages of the main file, as of the last checkpoint. */
  get mainPages(): number {
    return this.#sum.mainPages
  }

  /**
   * Takes what the pages of the main file come to, all of them read since the last checkpoint. An unknown checksum is known
   * from then on.
   *
   * @throws InvariantError when it is not what the commits have made of it
   */
  compareMain(found: bigint): void {
    const expected = this.#sum.expectedOfMain(found)
    if (expected === undefined || expected === found) return
    const { path } = this.#file
    const name = `${basename(dirname(path))}/${basename(path)}`
    throw new InvariantError(`${name} has the checksum ${hexOf(found)}; its commits came to ${hexOf(expected)}`)
  }
}

const STAMP =
  'UPDATE tenax_meta SET lsn = lsn + 1, checksum_lsn = iif(? IS NULL, NULL, lsn + 1), checksum = ? WHERE id = 1'

function pageCount(file: SqliteFile): number {
  return Number(file.engine('PRAGMA page_count').get()?.[0])
}

function checksumAtRest({ file, lsn, metaPage, isNew }: FoundFile, databasePages: number): bigint | undefined {
  if (isNew) {
    let checksum = 0n
    for (let number = 1; number <= databasePages; number += 1) checksum ^= mainHash(file, number)
    return checksum
  }
  const [stampedLsn, others] = file.engine('SELECT checksum_lsn, checksum FROM tenax_meta WHERE id = 1').get() ?? []
  if (stampedLsn !== lsn || typeof others !== 'bigint') return undefined
  return BigInt.asUintN(64, others) ^ mainHash(file, metaPage)
}

function mainHash({ descriptor }: SqliteFile, number: number): bigint {
  return hashPage(number, readMainPage(descriptor, number))
}

/**
 * Lets a whole file that is outside any ledger, its log empty, say its checksum: one that was just imported. The caller moves
 * the log into it once more.
 *
 * @throws InvariantError when the file is shorter than it says
 */
export async function stampWhole(file: SqliteFile): Promise<void> {
  const [root, lsn] = file.engine(META_PAGE_AND_LSN).get() ?? []
  assert(typeof root === 'bigint' && typeof lsn === 'bigint', 'a file has its tenax_meta row')
  const others = (await checksumOfFile(file.descriptor, pageCount(file))) ^ mainHash(file, Number(root))
  const update = file.engine('UPDATE tenax_meta SET checksum_lsn = ?, checksum = ? WHERE id = 1')
  file.transaction(() => update.get([lsn, BigInt.asIntN(64, others)]), { rowsOnly: true })
}

const META_PAGE_AND_LSN = "SELECT rootpage, (SELECT lsn FROM tenax_meta) FROM sqlite_schema WHERE name = 'tenax_meta'"

/** A checksum as people read it. */
function hexOf(checksum: bigint): string {
  return checksum.toString(16).padStart(16, '0')
}
