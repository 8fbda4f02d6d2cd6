/**
 * A host's ledger as tenancy sees it: one writer for all tenants and catalogs of a data directory, the gate that replies
 * wait at, and what is done when the ledger grows.
 */
import { type Clock, type Incarnation, TenaxError } from '@tenax/kernel'
import {
  type AppendableRecord,
  type CheckpointRecord,
  type EntryRecord,
  type Ledger,
  type LedgerRecord,
  type LedgerRoom,
  type LedgerSource,
  readLedger,
} from '@tenax/ledger'
import { GATE_MS_MAX, REMOTE_GATE_MS_MAX, STORED_SOON_MS } from '../limits.ts'
import { waitAtMost } from '../patience.ts'
import type { Shipping, ShippingStats } from '../remote/shipping.ts'
import { remoteNotConfigured } from './gate.ts'
import { GateQueue } from './gate-queue.ts'

/** Where recovery has brought a file. */
export interface RedoneFile {
  readonly lsn: bigint
  /** Its page checksum there; undefined when nobody knew it. */
  readonly checksum: bigint | undefined
}

/** What a host's ledger is made of. */
export interface HostLedgerOptions {
  readonly ledger: Ledger
  /** Where it lies. */
  readonly source: LedgerSource
  /** Its way to object storage; undefined when there is none. */
  readonly shipping?: Shipping | undefined
  readonly epoch: number
  /** The last epoch that ended without a seal; 0 when there was none. */
  readonly uncleanEpoch: number
  /** Where recovery has brought the files whose log it wrote. */
  readonly redone: ReadonlyMap<Incarnation, RedoneFile>
  readonly clock: Clock
  /** Length on disk above which those who hold the oldest segment are checkpointed. */
  readonly diskBytesMax: number
}

/** What an operator would want to know of the ledger: sizes as they are, and counts since the start. */
export interface LedgerStats {
  readonly diskBytes: number
  /** Bytes that wait for the disk. */
  readonly bufferedBytes: number
  /** Commits that were appended. */
  readonly entryCount: number
  /** Records that are not fsynced yet. */
  readonly lagCount: number
  /** Fsyncs of segments. */
  readonly syncCount: number
  /** Time in them, together. */
  readonly syncMs: number
  /** What it took at the start until every file was as the ledgers have it. */
  readonly recoveryMs: number
  /** Of its way to object storage; undefined when there is none. */
  readonly shipping: ShippingStats | undefined
}

/** Asks for a checkpoint of the files of these incarnations: they hold the oldest segment. */
export type CheckpointRequest = (incarnations: readonly Incarnation[]) => Promise<void>

/**
 * Room for what is committed already: it can be refused no more. How large it is was not known before; the next commit is
 * refused while the buffer is over its bound, so that at most one transaction goes beyond it.
 */
const COMMITTED: LedgerRoom = { bytes: Number.POSITIVE_INFINITY, release: () => undefined }

/** One host's ledger, open. */
export class HostLedger {
  readonly epoch: number
  readonly uncleanEpoch: number
  /** Its way to object storage. */
  readonly shipping: Shipping | undefined
  readonly #ledger: Ledger
  readonly #source: LedgerSource
  readonly #redone: Map<Incarnation, RedoneFile>
  readonly clock: Clock
  readonly #diskBytesMax: number
  readonly #gate: GateQueue
  readonly #remoteGate: GateQueue
  #requestCheckpoints: CheckpointRequest = async () => undefined
  #tending: Promise<void> | undefined
  /** Who reads the ledger now: nothing is removed meanwhile. */
  #readers = 0
  #entryCount = 0

  constructor({ ledger, source, shipping, epoch, uncleanEpoch, redone, clock, diskBytesMax }: HostLedgerOptions) {
    this.shipping = shipping
    this.#ledger = ledger
    this.#source = source
    this.epoch = epoch
    this.uncleanEpoch = uncleanEpoch
    this.#redone = new Map(redone)
    this.clock = clock
    this.#diskBytesMax = diskBytesMax
    this.#gate = new GateQueue({ clock, waitMsMax: GATE_MS_MAX, late: notDurableYet })
    this.#remoteGate = new GateQueue({ clock, waitMsMax: REMOTE_GATE_MS_MAX, late: notStoredYet })
  }

  /** Who is asked when the ledger has grown beyond its bound. */
  onPressure(request: CheckpointRequest): void {
    this.#requestCheckpoints = request
  }

  nowMs(): number {
    return this.clock.nowMs()
  }

  /** Where recovery has brought this file, told once: to the first who opens it. */
  takeRedone(incarnation: Incarnation): RedoneFile | undefined {
    const redone = this.#redone.get(incarnation)
    this.#redone.delete(incarnation)
    return redone
  }

  get durableSeq(): number {
    return this.#ledger.durableSeq
  }

  /** Every record up to this number is in object storage; 0 without one. */
  get storedSeq(): number {
    return this.shipping?.storedSeq ?? 0
  }

  get appendedSeq(): number {
    return this.#ledger.appendedSeq
  }

  /** The ledger's own part of its figures. */
  stats(): Pick<LedgerStats, 'diskBytes' | 'bufferedBytes' | 'entryCount' | 'lagCount' | 'shipping'> {
    const { bytes: diskBytes, bufferedBytes, appendedSeq, durableSeq } = this.#ledger
    const [lagCount, shipping] = [appendedSeq - durableSeq, this.shipping?.stats]
    return { diskBytes, bufferedBytes, entryCount: this.#entryCount, lagCount, shipping }
  }

  /**
   * Resolves when record `seq` and all before it are fsynced. Many who wait for the same `whose` hold up nobody else.
   *
   * @throws TenaxError `outcome_unknown` when that fails, or takes so long that the disk must be full or stalled
   */
  durable(seq: number, whose: object = this): Promise<void> {
    if (seq <= this.#ledger.durableSeq) return Promise.resolve()
    return this.#gate.wait(this.#ledger.durable(seq), whose)
  }

  /**
   * Resolves when record `seq` and all before it are in object storage, and what the file's commits build on. Throws as {@link HostLedger.durable}; `outcome_unknown` also
   * when the store is away for long, and `remote_not_configured`.
   */
  async stored(seq: number, whose: object = this, incarnation?: Incarnation): Promise<void> {
    const { shipping } = this
    if (shipping === undefined) throw remoteNotConfigured()
    await this.durable(seq, whose)
    if (this.isStored(seq, incarnation)) return
    const isNamed = shipping.isNamed && !this.#isOwed(incarnation)
    await this.#remoteGate.wait(isNamed ? shipping.shipper.stored(seq) : this.#storedLater(seq, incarnation), whose)
  }

  async #storedLater(seq: number, incarnation: Incarnation | undefined): Promise<void> {
    if (incarnation !== undefined) await this.shipping?.owed.settled(incarnation)
    await this.shipping?.named
    await this.shipping?.shipper.stored(seq)
  }

  #isOwed(incarnation: Incarnation | undefined): boolean {
    return incarnation !== undefined && this.shipping?.owed.has(incarnation) === true
  }

  /** Whether record `seq` and all before it are in object storage, and what the file's commits build on. */
  isStored(seq: number, incarnation?: Incarnation): boolean {
    return this.shipping !== undefined && seq <= this.storedSeq && !this.#isOwed(incarnation)
  }

  /** Whether all that was appended so far is in object storage, if there is one, now or after a short wait. */
  async isStoredSoon(): Promise<boolean> {
    const { shipping } = this
    if (shipping === undefined) return true
    if (shipping.stats.state !== 'shipping' || shipping.shipper.failure !== undefined) return false
    const seq = this.#ledger.appendedSeq
    await waitAtMost(this.clock, STORED_SOON_MS, this.stored(seq)).catch(() => undefined)
    return seq <= this.storedSeq
  }

  /** Resolves when all that was appended so far is fsynced. Throws as {@link HostLedger.durable}. */
  settled(): Promise<void> {
    return this.durable(this.#ledger.appendedSeq)
  }

  /**
   * Asked before a COMMIT, because an entry cannot be refused behind it. `isOwn`: a commit of the host's, such as a catalog's: there is
   * room for it while the store is away.
   *
   * @throws TenaxError `overloaded` when the disk is behind, `storage_full` when it is full, `unavailable` after a failure
   */
  assertRoom(pageCount: number, { isOwn = false } = {}): void {
    if (!isOwn && this.shipping?.shipper.hasRoom === false) {
      throw new TenaxError('overloaded', 'too many commits wait for object storage, which is away or slow', {
        hint: 'retry when it is back; nothing that was acknowledged is lost',
      })
    }
    if (this.#ledger.hasRoom(this.#ledger.entryBytes(pageCount))) return
    if (this.#ledger.state === 'full') {
      throw new TenaxError('storage_full', 'the disk is full, and so is the memory for what waits for it', {
        hint: 'make room on the disk; nothing that was acknowledged is lost',
      })
    }
    if (this.#ledger.state === 'open') {
      throw new TenaxError('overloaded', 'too many commits wait for the disk', { hint: 'retry after a pause' })
    }
    throw new TenaxError('unavailable', 'the ledger takes no more commits', { hint: 'the host is stopping' })
  }

  /** Appends one commit and gives its number. */
  append(entry: EntryRecord): number {
    const seq = this.#ledger.append(entry, COMMITTED)
    this.#entryCount += 1
    if (this.#ledger.bytes > this.#diskBytesMax) this.#tend()
    return seq
  }

  /** Records a checkpoint, and removes the segments that nobody needs once the record is durable. */
  appendCheckpoint(record: CheckpointRecord): void {
    this.#appendControl(record)
  }

  /** Lets go of an incarnation's entries: it was deleted, replaced, or its entries lie in a side file. */
  forget(incarnation: Incarnation): void {
    this.#redone.delete(incarnation)
    this.#appendControl({ kind: 'forget', incarnation })
  }

  #appendControl(record: AppendableRecord): void {
    const seq = this.#ledger.append(record)
    this.durable(seq)
      .then(() => this.#trim())
      .catch(() => undefined) // the ledger has failed: whoever waits at the gate hears of it
  }

  /** Above its bound the ledger asks for checkpoints of those who hold its oldest segment, until it is below. */
  #tend(): void {
    this.#tending ??= this.#relieve()
      .catch(() => undefined) // a failed ledger was told; of a disk that is full or slow the next commit asks again
      .finally(() => {
        this.#tending = undefined
      })
  }

  async #relieve(): Promise<void> {
    const { incarnations } = this.#ledger.pinnedBy()
    await this.#requestCheckpoints(incarnations)
    await this.settled()
    await this.#trim()
  }

  async #trim(): Promise<void> {
    if (this.#readers === 0) await this.#ledger.trim()
  }

  /**
   * Gives `visit` every record that the ledger holds of those appended so far, while it goes on. It stops at the last of
   * them and never looks at the end, where a batch may be half written.
   *
   * @throws TenaxError `outcome_unknown` when the ledger fails first, `ledger_damaged`
   */
  async readSoFar(visit: (record: LedgerRecord) => Promise<void>): Promise<void> {
    const lastSeq = this.#ledger.appendedSeq
    if (lastSeq === 0) return
    await this.durable(lastSeq)
    this.#readers += 1
    const records = readLedger(this.#source)
    try {
      await this.#ledger.trim() // the last one until this has ended: whoever is at it is waited for
      for (let step = await records.next(); !step.done; step = await records.next()) {
        await visit(step.value.record)
        if (step.value.seq >= lastSeq) break
      }
    } finally {
      await records[Symbol.asyncDispose]()
      this.#readers -= 1
    }
  }

  /** Flushes and seals, and stores what is left if the store takes it soon. What was redone at the start and never opened since stays in the ledger for the next start. */
  async close(): Promise<void> {
    await this.#ledger.close()
    await this.shipping?.end()
  }
}

function notStoredYet(): TenaxError {
  return new TenaxError('outcome_unknown', 'committed here, and not in object storage yet: that does not answer', {
    hint: 'read back whether it is there before repeating it; it is stored when the store is back',
  })
}

function notDurableYet(): TenaxError {
  return new TenaxError('outcome_unknown', 'committed, and not durable yet: the disk is full or does not answer', {
    hint: 'read back whether it is there before repeating it',
  })
}
