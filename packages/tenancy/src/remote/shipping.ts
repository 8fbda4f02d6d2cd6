/**
 * A host's ledger on its way to object storage (LEDGER O1, O2, G1).
 *
 *   waiting ──the ledger before is sealed with this one's name, or this is the first──► shipping ──closed, or fenced──► ended
 *
 * Invariants
 *  1. Nothing of this ledger is stored before the seal that names it stands: of two hosts that go on with one data directory,
 *     one is told that it is fenced, and none overwrites anything.
 *  2. The position in the directory names this ledger before any seal does.
 *  3. A store that is away keeps nobody from starting or committing: what is not stored stays in the ledger, up to a bound.
 *  4. The root is left last: whoever finds it finds every file whole in the ledgers behind it, or in a snapshot.
 */
import type { BlobStore } from '@tenax/blobstore'
import { type Clock, isTenaxError, messageOf, sleep, type TenantId, TenaxError } from '@tenax/kernel'
import { type LedgerName, type SegmentFiles, Shipper, type ShipStats, type StoredAt } from '@tenax/ledger'
import { boundedStore } from '../archive/bounded-store.ts'
import type { StoredSoFar } from '../durability/ledger-tails.ts'
import type { DataDirectory } from '../files/data-directory.ts'
import { OwedBases } from '../files/owed-bases.ts'
import { readStoredPosition, type StoredPosition, writeStoredPosition } from '../files/stored-position.ts'
import {
  POSITION_EVERY_COUNT,
  SHIP_APPROACH_MS,
  SHIP_CLOSE_MS,
  SHIP_RETRY_MS_MAX,
  SHIP_RETRY_MS_MIN,
} from '../limits.ts'
import { waitAtMost } from '../patience.ts'
import { leaveRoot, readRoot } from './ledger-root.ts'
import { storeSink } from './store-sink.ts'
import { walkChain } from './stored-chain.ts'

/** What shipping is made of. */
export interface ShippingOptions {
  readonly store: BlobStore
  readonly data: DataDirectory
  readonly clock: Clock
  /** The host's new ledger. */
  readonly name: LedgerName
  readonly directory: string
  readonly files: SegmentFiles
  /** The store refuses this host for good: another one goes on with its data. */
  readonly onFenced: (error: TenaxError) => void
  readonly onEvent: (event: ShippingEvent) => void
}

/** What an operator hears of it. */
export type ShippingEvent =
  /** Commits are stored again, after they were not. */
  | { readonly type: 'shipping'; readonly epoch: number }
  /** They are not yet, for this reason; it is tried again. */
  | { readonly type: 'shipping_waits'; readonly reason: string }
  /** What a tenant had before there was a store is in none: it cannot be read. */
  | { readonly type: 'store_failed'; readonly tenantId: TenantId; readonly reason: string }

/** Figures of shipping. */
export interface ShippingStats extends ShipStats {
  readonly state: 'waiting' | 'shipping' | 'ended'
  /** Tenants that have commits in no store, because a snapshot of them could not be taken yet. */
  readonly owedCount: number
}

/** The way of one host's ledger to object storage. */
export class Shipping {
  readonly shipper: Shipper
  /** Who is not in the store, whatever the ledger says. */
  readonly owed: OwedBases
  /** Resolves when whoever has lost the directory would find this ledger: before that nothing in it is stored for anybody. */
  readonly named: Promise<void>
  readonly #naming = Promise.withResolvers<void>()
  readonly #options: ShippingOptions
  readonly #store: BlobStore
  readonly #ended = new AbortController()
  readonly #position: StoredPosition
  #state: ShippingStats['state'] = 'waiting'
  /** True once the store has this ledger's name in a seal; undefined as long as nobody could ask. */
  #isSealed: boolean | undefined
  #storedCount = 0
  #isPrepared = false

  /** Writes down the ledger's name before anything may name it. */
  constructor(options: ShippingOptions) {
    const { data, clock, name, directory, files } = options
    this.#options = options
    this.owed = new OwedBases(data.layout.owedBases)
    this.named = this.#naming.promise
    this.named.catch(() => undefined) // told to whoever waits
    this.#store = boundedStore(options.store, { clock, signal: this.#ended.signal })
    const known = readStoredPosition(data.layout.storedPosition)
    this.#position = known ?? { open: undefined, atMs: clock.nowMs(), own: [] }
    writeStoredPosition(data.layout.storedPosition, { ...this.#position, own: [...this.#position.own, name] })
    this.shipper = new Shipper({
      ledger: { ...name, dataId: data.identity.dataId, directory },
      ...{ files, clock, sink: storeSink(this.#store, { dataId: data.identity.dataId, epoch: name.epoch }) },
      initialLagMs: known?.open === undefined ? 0 : Math.max(0, clock.nowMs() - known.atMs),
      onStored: (at) => this.#noteStored(at),
      onFenced: (error) => this.#fenced(error),
    })
  }

  /**
   * Seals the ledger that the store has, before the local ones are read. Gives how far they are stored: of what is behind that,
   * nothing may be let go. Undefined: the store has no ledger of this directory.
   *
   * @throws TenaxError `ledger_fenced`, `ledger_damaged`, `data_format_newer`: the start ends, and nothing was changed
   */
  async approach(): Promise<StoredSoFar | undefined> {
    const { open, at } = this.#position
    const patience = new AbortController()
    const timer = this.#options.clock.after(SHIP_APPROACH_MS, () =>
      patience.abort(new TenaxError('unavailable', 'object storage does not answer')),
    )
    try {
      return await this.#seal(patience.signal)
    } catch (error) {
      if (!isAway(error)) throw error
      this.#options.onEvent({ type: 'shipping_waits', reason: messageOf(error) })
      if (open !== undefined) return { epoch: open.epoch, seq: at?.lastSeq ?? 0 }
      return this.#unrooted
    } finally {
      timer.cancel()
    }
  }

  /** A root that an earlier start has sent may come late, and name that start's ledger: everything since then must be behind it. */
  get #unrooted(): StoredSoFar | undefined {
    return this.#position.own.length === 0 ? undefined : NOTHING
  }

  /** Gives the end of what was stored before; undefined when this is the first ledger. */
  async #seal(signal: AbortSignal): Promise<StoredSoFar | undefined> {
    const { data, name, clock } = this.#options
    const { dataId } = data.identity
    const { open, at, own } = this.#position
    const isOwn = ({ nonce }: LedgerName) => [...own, name].some((one) => one.nonce === nonce)
    const store = boundedStore(this.#store, { clock, signal })
    const root = await readRoot(store, dataId, { signal })
    if (root === undefined) {
      if (open !== undefined) throw elsewhere()
      this.#isSealed = false
      return this.#unrooted
    }
    if (open === undefined && !isOwn(root.first)) throw unknownHistory()
    const from = open ?? root.first
    const records = walkChain({ store, dataId, from, at, successor: () => name, isFollowed: isOwn })
    let step = await records.next()
    while (!step.done) step = await records.next()
    this.#isSealed = true
    writeStoredPosition(data.layout.storedPosition, { open: name, atMs: clock.nowMs(), own: [] })
    return { epoch: step.value.last.epoch, seq: step.value.lastSeq }
  }

  /**
   * Begins to store, or goes on trying behind the caller's back until the store is there; resolves after the first try. `prepare` makes
   * sure that each file that is not whole in this ledger is in a snapshot; it runs only for the first ledger that is stored, and again
   * after it has failed.
   */
  async begin(prepare: () => Promise<void>): Promise<void> {
    const reason = await this.#tryToBegin(prepare)
    if (reason === undefined) return
    this.#options.onEvent({ type: 'shipping_waits', reason })
    void this.#goOnTrying(prepare, reason)
  }

  async #goOnTrying(prepare: () => Promise<void>, told: string): Promise<void> {
    const { clock, onEvent, name } = this.#options
    let last: string | undefined = told
    for (let pauseMs = SHIP_RETRY_MS_MIN; last !== undefined; pauseMs = Math.min(pauseMs * 2, SHIP_RETRY_MS_MAX)) {
      await sleep(clock, pauseMs)
      const reason = await this.#tryToBegin(prepare)
      if (reason !== undefined && reason !== last) onEvent({ type: 'shipping_waits', reason })
      last = reason
    }
    if (this.#state === 'shipping') onEvent({ type: 'shipping', epoch: name.epoch })
  }

  /** Gives the reason why it must be tried again. */
  async #tryToBegin(prepare: () => Promise<void>): Promise<string | undefined> {
    const { signal } = this.#ended
    try {
      if (!signal.aborted) await this.#enter(prepare)
      if (signal.aborted) return undefined
      this.#state = 'shipping'
      this.shipper.begin()
      this.#naming.resolve()
      return undefined
    } catch (error) {
      if (signal.aborted) return undefined
      if (!isTenaxError(error, 'ledger_fenced')) return messageOf(error)
      this.#fenced(error)
      return undefined
    }
  }

  async #enter(prepare: () => Promise<void>): Promise<void> {
    const { data, name, clock } = this.#options
    const { signal } = this.#ended
    if (this.#isSealed === undefined) await this.#seal(signal)
    if (this.#isSealed) return
    if (!this.#isPrepared) await prepare()
    this.#isPrepared = true
    this.shipper.begin() // whoever finds the root finds the catalogs
    if (!(await this.shipper.flush())) {
      throw this.shipper.failure ?? new TenaxError('unavailable', 'object storage is behind')
    }
    const { dataId, shardCount } = data.identity
    const root = await leaveRoot(
      this.#store,
      { dataId, shardCount, first: name, createdAtMs: clock.nowMs() },
      { signal },
    )
    if (root.first.nonce !== name.nonce) throw unknownHistory()
    writeStoredPosition(data.layout.storedPosition, { open: name, atMs: clock.nowMs(), own: [] })
    this.#isSealed = true
  }

  #noteStored(at: StoredAt): void {
    this.#storedCount += 1
    if (this.#storedCount % POSITION_EVERY_COUNT !== 0) return
    const { data, name, clock } = this.#options
    try {
      writeStoredPosition(data.layout.storedPosition, { open: name, at, atMs: clock.nowMs(), own: [] })
    } catch (error) {
      // Only how far the next start walks depends on it.
      this.#options.onEvent({ type: 'shipping_waits', reason: `ledgers/stored.json: ${messageOf(error)}` })
    }
  }

  #fenced(error: TenaxError): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#naming.reject(outcomeUnknownHere(error))
    this.#ended.abort(error)
    this.shipper.stop(error)
    this.#options.onFenced(error)
  }

  get isNamed(): boolean {
    return this.#state === 'shipping'
  }

  /** Every record up to this number is in object storage, where whoever has lost the directory would find it. */
  get storedSeq(): number {
    return this.isNamed ? this.shipper.storedSeq : 0
  }

  get stats(): ShippingStats {
    return { ...this.shipper.stats(), owedCount: this.owed.count, state: this.#state }
  }

  /** Stores what is left, if the store takes it soon, and ends. What it does not take is stored by the next start. */
  async end(): Promise<void> {
    if (this.#state === 'shipping') await waitAtMost(this.#options.clock, SHIP_CLOSE_MS, this.shipper.flush())
    this.#state = 'ended'
    const reason = new TenaxError('unavailable', 'the host is stopping')
    this.shipper.stop(reason)
    this.#naming.reject(outcomeUnknownHere(reason))
    this.#ended.abort(reason)
  }
}

/** Comes before every record of every ledger. */
const NOTHING: StoredSoFar = { epoch: 0, seq: 0 }

function outcomeUnknownHere(cause: TenaxError): TenaxError {
  return new TenaxError('outcome_unknown', 'committed here, and not in object storage yet', {
    cause,
    hint: 'read back whether it is there before repeating it',
  })
}

function isAway(error: unknown): boolean {
  return (
    isTenaxError(error, 'unavailable') || isTenaxError(error, 'outcome_unknown') || isTenaxError(error, 'overloaded')
  )
}

function elsewhere(): TenaxError {
  return new TenaxError('unavailable', 'this object storage is not the one where the ledgers of this directory are', {
    hint: 'mount its disk, or name the right directory, bucket and prefix',
  })
}

function unknownHistory(): TenaxError {
  return new TenaxError(
    'ledger_fenced',
    'this object storage has a history of this data directory that goes on elsewhere',
    {
      hint: 'this directory is an old copy, or another host goes on with it: stop here, and recover from the store into an empty directory',
    },
  )
}
