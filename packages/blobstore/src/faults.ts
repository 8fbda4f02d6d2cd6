/**
 * A store that fails as object storage does, by a seeded choice: for tests of those who use one. What it does to a call is
 * within what the port allows, but for lists that are stale, which no store of today may give: LIST never decides (LEDGER O3),
 * and whoever lets it decide is found with them.
 */
import { type Clock, sleep, TenaxError } from '@tenax/kernel'
import { blobExists, outcomeUnknown, storageFull, unavailable } from './blob-errors.ts'
import type { BlobEntry, BlobStore, CallOptions, GetOptions, ListOptions } from './blob-store.ts'

/** How often each thing happens: 0 is never, 1 always. What is left out never happens. */
export interface FaultChances {
  /** Refused, and nothing is done: `unavailable`, `overloaded`, for a write also `storage_full`. */
  readonly refused?: number
  /** A change is `outcome_unknown`, and was not done. A read is `unavailable`. */
  readonly lostBefore?: number
  /** A change is `outcome_unknown`, and was done. A read is `unavailable`. */
  readonly lostAfter?: number
  /** A change is `outcome_unknown`, and is done later: at the latest when {@link FaultyStore.settle} is called. */
  readonly late?: number
  /** A create that was done says `blob_exists`, as after a repetition by something in between. */
  readonly takenByOneself?: number
  /** A list leaves out an entry. */
  readonly staleEntry?: number
}

/** What a store with faults is made of. */
export interface FaultyStoreOptions {
  readonly chances: FaultChances
  /** Longest time that a call waits before and behind its deed, so that calls overtake each other. Default: no time at all. */
  readonly delayMsMax?: number
  readonly clock: Clock
  /** A number from 0 to 1, without 1: seeded, so that the same calls meet the same faults. */
  readonly random: () => number
}

type Fault = Exclude<keyof FaultChances, 'staleEntry'> | 'none'

/** In the order in which the one random number of a call is held against them. */
const FAULTS: readonly Exclude<Fault, 'none'>[] = ['refused', 'lostBefore', 'lostAfter', 'late', 'takenByOneself']

/** A decorator over any store. */
export class FaultyStore implements BlobStore {
  readonly name: string
  readonly #store: BlobStore
  readonly #options: FaultyStoreOptions
  /** Changes that somebody was told to be unknown, and that are not done yet. */
  readonly #late = new Set<() => Promise<void>>()

  constructor(store: BlobStore, options: FaultyStoreOptions) {
    this.name = store.name
    this.#store = store
    this.#options = options
  }

  get(key: string, options: GetOptions = {}): Promise<Uint8Array> {
    return this.#read(() => this.#store.get(key, options))
  }

  create(key: string, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    const kept = Uint8Array.from(bytes)
    return this.#change(key, 'create', () => this.#store.create(key, kept, options))
  }

  put(key: string, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    const kept = Uint8Array.from(bytes)
    return this.#change(key, 'put', () => this.#store.put(key, kept, options))
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncIterable<BlobEntry> {
    const { chances, random } = this.#options
    await this.#read(async () => undefined)
    for await (const entry of this.#store.list(prefix, options)) {
      if (random() >= (chances.staleEntry ?? 0)) yield entry
    }
  }

  delete(key: string, options: CallOptions = {}): Promise<void> {
    return this.#change(key, 'delete', () => this.#store.delete(key, options))
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  /** How many changes are still to come. */
  get lateCount(): number {
    return this.#late.size
  }

  /** Does what is late, one after another. */
  async settle(): Promise<void> {
    for (const deed of this.#late) await this.#doLate(deed)
  }

  async #read<T>(deed: () => Promise<T>): Promise<T> {
    const fault = this.#choose()
    await this.#delay()
    if (fault === 'refused') throw this.#refusal('read')
    if (fault === 'lostBefore' || fault === 'lostAfter') throw unavailable('the answer of object storage was lost')
    const value = await deed()
    await this.#delay()
    return value
  }

  async #change(key: string, verb: 'create' | 'put' | 'delete', deed: () => Promise<void>): Promise<void> {
    const fault = this.#choose()
    await this.#delay()
    if (fault === 'refused') throw this.#refusal(verb)
    if (fault === 'late') this.#postpone(deed)
    if (fault === 'late' || fault === 'lostBefore') throw outcomeUnknown(key, new Error('lost before the deed'))
    await deed()
    await this.#delay()
    if (fault === 'lostAfter') throw outcomeUnknown(key, new Error('lost after the deed'))
    if (fault === 'takenByOneself' && verb === 'create') throw blobExists(key)
  }

  #choose(): Fault {
    let left = this.#options.random()
    for (const fault of FAULTS) {
      left -= this.#options.chances[fault] ?? 0
      if (left < 0) return fault
    }
    return 'none'
  }

  #refusal(verb: 'create' | 'put' | 'delete' | 'read'): TenaxError {
    const choice = Math.floor(this.#options.random() * 3)
    if (choice === 0) return new TenaxError('overloaded', 'too many calls wait for object storage', { hint: 'wait' })
    if (choice === 1 && (verb === 'create' || verb === 'put')) return storageFull(new Error('no room'))
    return unavailable('object storage does not answer')
  }

  #postpone(deed: () => Promise<void>): void {
    this.#late.add(deed)
    const { clock, random, delayMsMax = 0 } = this.#options
    if (delayMsMax > 0) clock.after(random() * delayMsMax * 4, () => void this.#doLate(deed))
  }

  /** Nobody hears any more what comes of it: a create may find its key taken, the store may be closed. */
  async #doLate(deed: () => Promise<void>): Promise<void> {
    if (!this.#late.delete(deed)) return
    await deed().then(undefined, () => undefined)
  }

  async #delay(): Promise<void> {
    const { clock, random, delayMsMax = 0 } = this.#options
    if (delayMsMax > 0) await sleep(clock, random() * delayMsMax)
  }
}
