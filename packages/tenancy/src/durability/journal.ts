/**
 * Carries each commit of one open file to the host's ledger (LEDGER C3, K1, G1).
 *
 * Invariants:
 *  1. Whatever the connection commits is captured and appended before anything else runs on it, as one entry per LSN.
 *  2. A commit without a bump of the LSN (VACUUM, a stranger's) goes with the next bump; before a checkpoint it gets one.
 *  3. A checkpoint runs only when every commit is fsynced in the ledger, and is recorded there only when the main file is.
 *  4. Room in the ledger is asked for before a COMMIT. A commit that is not captured or appended all the same stops the
 *     tenant: its successor would leave a gap.
 */
import { assert, type Incarnation, InvariantError, type Lineage, messageOf } from '@tenax/kernel'
import type { LedgerPage } from '@tenax/ledger'
import { type Capture, PAGE_BYTES, proveCommits, readMainPage, type SqliteFile, WalReader } from '@tenax/sqlite'
import type { FileJournal } from './file-journal.ts'
import type { HostLedger } from './host-ledger.ts'
import { WaitingCommits } from './waiting-commits.ts'

/** Where a file is in its history. */
export interface FilePosition {
  readonly incarnation: Incarnation
  readonly lineage: Lineage
  readonly lsn: bigint
}

/** What a journal is made of. */
export interface JournalOptions {
  readonly file: SqliteFile
  readonly ledger: HostLedger
  readonly position: FilePosition
}

/** What the connection says of itself: the LSN that it sees, and the page that holds it. */
interface Look {
  readonly lsn: bigint
  readonly metaPage: number
}

/** The way of one open file to the ledger. */
export class Journal implements FileJournal {
  readonly #file: SqliteFile
  readonly #ledger: HostLedger
  readonly #reader: WalReader
  readonly #incarnation: Incarnation
  /** Pages of commits that have no LSN of their own yet. */
  readonly #pending = new Map<number, LedgerPage>()
  readonly #waiting: WaitingCommits
  #lineage: Lineage
  #parentLineage: Lineage
  #lsn: bigint
  #look: Look | undefined
  #seq = 0
  #walBytes = 0
  #checkpointedLsn: bigint | undefined
  #includesAllPages = false

  private constructor({ file, ledger, position }: JournalOptions) {
    this.#file = file
    this.#ledger = ledger
    this.#incarnation = position.incarnation
    this.#lineage = position.lineage
    this.#parentLineage = position.lineage
    this.#lsn = position.lsn
    this.#waiting = new WaitingCommits(position.lsn)
    this.#reader = WalReader.open(file.path, file.sizes().pageCount)
  }

  /**
   * Follows `file` from now on. What recovery has laid into its log is in the ledger already; anything else that is there
   * (opening may mend a vector index) gets an LSN and goes to the ledger at once.
   *
   * @throws InvariantError when the file is not where the ledger has it
   */
  static attach(options: JournalOptions): Journal {
    const { ledger, position } = options
    const redoneLsn = ledger.takeRedone(position.incarnation)
    assert(redoneLsn === undefined || redoneLsn === position.lsn, `the file is at LSN ${redoneLsn}, as in the ledger`)
    const journal = new Journal(options)
    try {
      journal.#begin(redoneLsn === undefined ? 0 : 1)
      return journal
    } catch (error) {
      journal.close()
      throw error
    }
  }

  #begin(knownCommits: number): void {
    const found = this.#reader.capture(this.#lookNow().metaPage)
    this.#file.onCommit({ before: () => this.#beforeCommit(), after: () => this.#afterCommit() })
    if (found === undefined) this.#checkpointedLsn = this.#lsn
    else this.#walBytes = found.walBytes
    if (found !== undefined && found.commits.length > knownCommits) this.#adopt(found)
  }

  /** The next commit begins `lineage`. */
  beginLineage(lineage: Lineage): void {
    this.#parentLineage = this.#lineage
    this.#lineage = lineage
  }

  /** The next entry holds every page of the file, so that the ledger alone can make it again (LEDGER D3). */
  includeAllPages(): void {
    this.#includesAllPages = true
  }

  get lineage(): Lineage {
    return this.#lineage
  }

  /** The last commit. */
  get lsn(): bigint {
    return this.#lsn
  }

  get durableLsn(): bigint {
    return this.#waiting.durableLsn(this.#ledger.durableSeq)
  }

  get isSettled(): boolean {
    return this.#seq <= this.#ledger.durableSeq
  }

  settled(): Promise<void> {
    return this.#ledger.durable(this.#seq)
  }

  /** Looks at what is about to be committed, and asks whether the ledger can take it. */
  #beforeCommit(): void {
    this.#look = this.#lookNow()
    if (this.#look.lsn === this.#lsn) return
    const spilledBytes = Math.max(0, this.#file.walBytes() - this.#walBytes)
    const pages = this.#file.cachePages + Math.ceil(spilledBytes / PAGE_BYTES) + this.#pending.size
    this.#ledger.assertRoom(pages)
  }

  #afterCommit(): void {
    const look = this.#look
    this.#look = undefined
    // Nothing was changed, or what was changed gets its number at once.
    if (look === undefined || look.lsn === this.#lsn) return
    const capture = this.#reader.capture(look.metaPage)
    assert(capture !== undefined, 'a commit is in the log')
    assert(proveCommits(capture, this.#lsn).lsn === look.lsn, 'the log has the LSN that the connection sees')
    assert(!capture.isUnlinked, 'the live log has its name')
    this.#walBytes = capture.walBytes
    this.#append(look.lsn, capture)
  }

  #append(lsn: bigint, { pages, databasePages }: Capture): void {
    const images = this.#imagesOf(pages, databasePages)
    try {
      this.#seq = this.#ledger.append({
        ...this.#plainEntry(),
        kind: 'entry',
        parentLineage: this.#parentLineage,
        lsn: Number(lsn),
        databasePages,
        pages: images,
      })
    } catch (error) {
      throw new InvariantError(`commit ${lsn} did not reach the ledger: ${messageOf(error)}`)
    }
    this.#lsn = lsn
    this.#parentLineage = this.#lineage
    this.#waiting.add({ lsn, seq: this.#seq }, this.#ledger.durableSeq)
  }

  #plainEntry() {
    const { incarnation, lineage } = { incarnation: this.#incarnation, lineage: this.#lineage }
    return { incarnation, lineage, checksum: 0n, cipher: 0, keyId: 0, flags: 0 } as const
  }

  #imagesOf(pages: Iterable<LedgerPage>, databasePages: number): LedgerPage[] {
    const images = copied(pages)
    if (this.#pending.size === 0 && !this.#includesAllPages) return images
    const last = new Map(this.#pending)
    for (const page of images) last.set(page.number, page)
    if (this.#includesAllPages) {
      for (let number = 1; number <= databasePages; number += 1) {
        if (!last.has(number)) last.set(number, { number, bytes: readMainPage(this.#file.descriptor, number) })
      }
    }
    this.#pending.clear()
    this.#includesAllPages = false
    return [...last.values()].filter(({ number }) => number <= databasePages)
  }

  /** Gives commits without a number one. */
  #adopt({ pages }: Capture): void {
    for (const page of copied(pages)) this.#pending.set(page.number, page)
    this.#file.transaction(() => this.#file.engine('UPDATE tenax_meta SET lsn = lsn + 1 WHERE id = 1').get())
  }

  #lookNow(): Look {
    const [lsn, metaPage] = this.#file.engine(LOOK).get() ?? []
    assert(typeof lsn === 'bigint' && typeof metaPage === 'bigint', 'a file has its tenax_meta row')
    return { lsn, metaPage: Number(metaPage) }
  }

  /** As {@link FileJournal.checkpoint}. `run` moves the log; off the event loop if unsaid. */
  async checkpoint(run: () => Promise<boolean> | boolean = () => this.#file.checkpoint()): Promise<boolean> {
    if (this.#lsn === this.#checkpointedLsn && this.#file.walBytes() === 0) return true
    const stranger = this.#reader.capture(this.#lookNow().metaPage)
    if (stranger !== undefined) this.#adopt(stranger)
    while (!this.isSettled) await this.settled() // others may commit to a catalog meanwhile
    const lsn = this.#lsn
    if (!(await run())) return false
    this.#walBytes = 0
    const databasePages = this.#file.sizes().pageCount
    await this.#file.syncMain().catch((error: unknown) => {
      throw new InvariantError(`the main file could not be synced: ${messageOf(error)}`)
    })
    this.#ledger.appendCheckpoint({
      kind: 'checkpoint',
      incarnation: this.#incarnation,
      lineage: this.#lineage,
      lsn: Number(lsn),
      databasePages,
      checksum: 0n,
      timeMs: this.#ledger.nowMs(),
    })
    this.#checkpointedLsn = lsn
    return true
  }

  close(): void {
    this.#reader.close()
  }
}

const LOOK = `SELECT lsn, (SELECT rootpage FROM sqlite_schema WHERE name = 'tenax_meta' AND type = 'table')
  FROM tenax_meta WHERE id = 1`

function copied(pages: Iterable<LedgerPage>): LedgerPage[] {
  return Array.from(pages, ({ number, bytes }) => ({ number, bytes: Uint8Array.from(bytes) }))
}
