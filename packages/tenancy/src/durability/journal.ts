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
import { assert, type Incarnation, InvariantError, isTenaxError, type Lineage, messageOf } from '@tenax/kernel'
import type { LedgerPage } from '@tenax/ledger'
import {
  type Capture,
  type CommitKind,
  checksumOfFile,
  isBusy,
  PAGE_BYTES,
  proveCommits,
  readMainPage,
  type SqliteFile,
  WalReader,
} from '@tenax/sqlite'
import { CATALOG_NAME } from '../catalog.ts'
import type { DiskGuard } from '../files/disk-guard.ts'
import { CarriedChecksum } from './carried-checksum.ts'
import { checksumFields } from './entry-flags.ts'
import type { FileJournal } from './file-journal.ts'
import type { HostLedger, RedoneFile } from './host-ledger.ts'
import { WaitingCommits } from './waiting-commits.ts'

/** Where a file is in its history. */
export interface FilePosition {
  readonly incarnation: Incarnation
  readonly lineage: Lineage
  readonly lsn: bigint
}

/** The disk that a journal asks and tells. */
type JournalDisk = Pick<DiskGuard, 'assertRoom' | 'took' | 'full'>

/** What a journal is made of. */
export interface JournalOptions {
  readonly file: SqliteFile
  readonly ledger: HostLedger
  readonly position: FilePosition
  /** True when the file was just made from the template: its first entry holds every page, so that the ledger alone can make it again (LEDGER D3). */
  readonly isNew: boolean
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
  readonly #waitingForStore: WaitingCommits
  /** The ledger when the file was opened: what that shows is in there, or before. */
  readonly #seqAtOpening: number
  #lineage: Lineage
  #parentLineage: Lineage
  #lsn: bigint
  /** True while a stamp is committed. */
  #isStamp = false
  /** The page that holds the LSN. */
  #metaPage: number
  /** What SQLite said when it was last looked whether strangers committed. It changes with their commits, not with ours. */
  #dataVersion: bigint
  #seq = 0
  #walBytes = 0
  #checkpointedLsn: bigint | undefined
  #includesAllPages: boolean
  readonly #checksum: CarriedChecksum
  #disk: JournalDisk | undefined

  private constructor({ file, ledger, position, isNew }: JournalOptions, redone: RedoneFile | undefined) {
    this.#file = file
    this.#ledger = ledger
    this.#incarnation = position.incarnation
    this.#lineage = position.lineage
    this.#parentLineage = position.lineage
    this.#lsn = position.lsn
    this.#metaPage = this.#findMetaPage()
    this.#waiting = new WaitingCommits(position.lsn)
    this.#seqAtOpening = ledger.appendedSeq
    this.#waitingForStore = new WaitingCommits(0n)
    this.#waitingForStore.add({ lsn: position.lsn, seq: this.#seqAtOpening }, ledger.storedSeq)
    this.#includesAllPages = isNew
    this.#reader = WalReader.open(file.path, file.sizes().pageCount)
    try {
      this.#dataVersion = this.#readDataVersion()
      const log = this.#capture()
      const { lsn } = position
      this.#checksum = new CarriedChecksum({ file, lsn, metaPage: this.#metaPage, isNew, redone, log })
      this.#begin(log, redone === undefined ? 0 : 1)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /**
   * Follows `file` from now on. What recovery has laid into its log is in the ledger already; anything else that is there (a
   * stranger's commit, a vector index that opening has mended) goes to the ledger with the next commit.
   *
   * @throws InvariantError when the file is not where the ledger has it
   */
  static attach(options: JournalOptions): Journal {
    const { ledger, position } = options
    const redone = ledger.takeRedone(position.incarnation)
    assert(redone === undefined || redone.lsn === position.lsn, `the file is at LSN ${redone?.lsn}, as in the ledger`)
    return new Journal(options, redone)
  }

  #begin(found: Capture | undefined, knownCommits: number): void {
    this.#file.onCommit({ before: (kind) => this.#beforeCommit(kind), after: (kind) => this.#afterCommit(kind) })
    if (found === undefined) this.#checkpointedLsn = this.#lsn
    else this.#walBytes = found.walBytes
    if (found !== undefined && found.commits.length > knownCommits) this.#keep(found)
  }

  /** From now on `disk` is asked before each commit, and told when a checkpoint finds no room. */
  guard(disk: JournalDisk): void {
    this.#disk = disk
  }

  /** The next commit begins `lineage`. */
  beginLineage(lineage: Lineage): void {
    this.#parentLineage = this.#lineage
    this.#lineage = lineage
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
    return this.#ledger.durable(this.#seq, this)
  }

  get isStored(): boolean {
    return this.#ledger.isStored(this.#seqToStore, this.#incarnation)
  }

  get storedLsn(): bigint {
    const isOwed = this.#ledger.shipping?.owed.has(this.#incarnation) ?? true
    return isOwed ? 0n : this.#waitingForStore.durableLsn(this.#ledger.storedSeq)
  }

  stored(): Promise<void> {
    return this.#ledger.stored(this.#seqToStore, this, this.#incarnation)
  }

  get #seqToStore(): number {
    return Math.max(this.#seq, this.#seqAtOpening)
  }

  /** Bytes of the log up to the last commit. */
  get walBytes(): number {
    return this.#walBytes
  }

  /** Asks whether the disk and the ledger can take what is about to be committed; a stamp, which a checkpoint needs, only the ledger. */
  #beforeCommit({ isNumbered, isEngine = false }: CommitKind): void {
    if (isNumbered && !this.#isStamp) this.#disk?.assertRoom({ isEngine })
    const isOwn = this.#incarnation.startsWith(CATALOG_NAME) || this.#lineage !== this.#parentLineage
    if (isNumbered) this.#ledger.assertRoom(this.#file.cachePages + this.#pending.size, { isOwn })
  }

  #afterCommit({ isNumbered }: CommitKind): void {
    if (!isNumbered) return // nothing was changed, or what was changed gets its number at once
    const lsn = this.#lsn + 1n
    const capture = this.#capture()
    assert(capture !== undefined, 'a commit is in the log')
    const proved = proveCommits(capture, this.#lsn)
    assert(proved.lsn === lsn, 'the log has the LSN that the commit was given')
    assert(!capture.isUnlinked, 'the live log has its name')
    if (proved.withoutBump.length > 0) this.#knowStrangers(capture)
    this.#walBytes = capture.walBytes
    this.#append(lsn, capture)
    if (this.#isStamp) this.#checksum.stamped(lsn, capture, this.#metaPage)
  }

  /** What was committed since the last look. Only a commit that writes the database's header can move the LSN's page; one in a former log may be unseen. */
  #capture(): Capture | undefined {
    const capture = this.#reader.capture(this.#metaPage)
    const isElsewhere = capture?.hasFirstPage || capture?.isFirstLog || (capture?.restartCount ?? 0) > 0
    if (capture === undefined || !isElsewhere) return capture
    const metaPage = this.#findMetaPage()
    if (metaPage === this.#metaPage) return capture
    this.#metaPage = metaPage
    return this.#reader.captureAgain(metaPage)
  }

  #findMetaPage(): number {
    const [page] = this.#file.engine(META_PAGE).get() ?? []
    assert(typeof page === 'bigint', 'a file has its tenax_meta table')
    return Number(page)
  }

  #append(lsn: bigint, capture: Capture): void {
    const { databasePages } = capture
    const captured = [...capture.pages]
    if (capture.isFirstLog && this.#readDataVersion() !== this.#dataVersion) this.#checksum.lose()
    this.#checksum.take(capture, captured)
    const images = this.#imagesOf(captured, databasePages)
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
    this.#disk?.took(2 * images.length * PAGE_BYTES) // in its log, and in the ledger
    this.#lsn = lsn
    this.#parentLineage = this.#lineage
    this.#waiting.add({ lsn, seq: this.#seq }, this.#ledger.durableSeq)
    if (this.#ledger.shipping !== undefined) this.#waitingForStore.add({ lsn, seq: this.#seq }, this.#ledger.storedSeq)
  }

  #plainEntry() {
    const [incarnation, lineage] = [this.#incarnation, this.#lineage]
    return { incarnation, lineage, cipher: 0, keyId: 0, ...checksumFields(this.#checksum.value) } as const
  }

  #imagesOf(images: readonly LedgerPage[], databasePages: number): readonly LedgerPage[] {
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

  /** Keeps pages of commits without a number for the next commit that has one. */
  #keep({ pages, walBytes }: Capture): void {
    for (const page of copied(pages)) this.#pending.set(page.number, page)
    this.#walBytes = walBytes
  }

  /** The version is read first: whoever commits behind that changes it again. */
  #takeStrangers(): void {
    const dataVersion = this.#readDataVersion()
    const found = this.#capture()
    const mayHideOne = found === undefined || found.isFirstLog
    if (mayHideOne && dataVersion !== this.#dataVersion) {
      // A stranger committed, and may have moved its commit into the main file and cut the log off: no capture shows that.
      this.#checksum.lose()
      this.#metaPage = this.#findMetaPage()
    }
    if (found !== undefined) {
      this.#checksum.take(found)
      this.#keep(found)
    }
    this.#dataVersion = dataVersion
  }

  /** The strangers' commits in `capture` are known, and so is all that is done up to now, if the log is still there. */
  #knowStrangers({ walBytes }: Capture): void {
    const dataVersion = this.#readDataVersion()
    if (this.#file.walBytes() >= walBytes) this.#dataVersion = dataVersion
  }

  #readDataVersion(): bigint {
    const version = this.#file.engine('PRAGMA data_version').get()?.[0]
    assert(typeof version === 'bigint', 'SQLite says the version of what it reads')
    return version
  }

  /**
   * Gives what strangers have committed a number, so that it is in the ledger before a checkpoint, and lets the file say its
   * checksum. False when a stranger is at it.
   */
  #stamp(): boolean {
    this.#takeStrangers()
    if (this.#pending.size === 0 && !this.#checksum.needsStamp(this.#lsn)) return true
    this.#isStamp = true
    try {
      this.#file.transaction(() => this.#writeStamp(), { rowsOnly: true })
      return true
    } catch (error) {
      if (isBusy(error)) return false
      // Without room for a stamp the file does not say its checksum; what is to be moved is in the ledger all the same.
      if (this.#pending.size > 0 || error instanceof InvariantError) throw error
      return true
    } finally {
      this.#isStamp = false
    }
  }

  /** Inside a transaction nobody else commits: what is in the log now is all that the stamp follows. */
  #writeStamp(): void {
    this.#takeStrangers()
    this.#checksum.stamp(this.#metaPage)
  }

  /** True when nothing was committed since the last checkpoint, by nobody. */
  #isAtRest(): boolean {
    if (this.#lsn !== this.#checkpointedLsn || this.#file.walBytes() > 0) return false
    this.#takeStrangers()
    return this.#pending.size === 0 && !this.#checksum.needsStamp(this.#lsn)
  }

  /** Lets the next commit take all pages along, as a new file's does. False when that is not possible before a checkpoint. */
  includeAllPages(): boolean {
    if (!this.#isAtRest()) return false
    this.#includesAllPages = true
    return true
  }

  /** As {@link FileJournal.checkpoint}. `run` moves the log; off the event loop if unsaid. */
  async checkpoint(run: () => Promise<boolean> | boolean = () => this.#file.checkpoint()): Promise<boolean> {
    if (this.#isAtRest()) return true
    if (!this.#stamp()) return false
    while (!this.isSettled) await this.settled() // others may commit to a catalog meanwhile
    const lsn = this.#lsn
    const checksum = this.#checksum.value
    if (!(await this.#moved(run))) return false
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
      checksum,
      timeMs: this.#ledger.nowMs(),
    })
    this.#checkpointedLsn = lsn
    this.#reader.rest()
    return true
  }

  /** Lets go of the log's descriptor until the next commit. */
  rest(): void {
    this.#reader.rest()
  }

  /** Whatever a checkpoint fails with but a lock or a full disk leaves the main file in doubt (LEDGER K2). */
  async #moved(run: () => Promise<boolean> | boolean): Promise<boolean> {
    try {
      const outcome = run()
      const isMoved = typeof outcome === 'boolean' ? outcome : await outcome
      if (isMoved) this.#checksum.checkpointed() // at once: nothing was committed since
      return isMoved
    } catch (error) {
      if (isTenaxError(error, 'storage_full')) this.#disk?.full()
      if (isBusy(error) || isTenaxError(error, 'storage_full')) throw error
      throw new InvariantError(`the checkpoint failed: ${messageOf(error)}`)
    }
  }

  /** As {@link FileJournal.verifyMain}. */
  async verifyMain(beforeRead?: () => void): Promise<bigint> {
    const { descriptor } = this.#file
    const found = await checksumOfFile(descriptor, this.#checksum.mainPages, beforeRead)
    this.#checksum.compareMain(found)
    return found
  }

  close(): void {
    this.#reader.close()
  }
}

const META_PAGE = "SELECT rootpage FROM sqlite_schema WHERE name = 'tenax_meta' AND type = 'table'"

/** Images that outlive their capture. */
const copied = (pages: Iterable<LedgerPage>): LedgerPage[] =>
  Array.from(pages, ({ number, bytes }) => ({ number, bytes: new Uint8Array(bytes) }))
