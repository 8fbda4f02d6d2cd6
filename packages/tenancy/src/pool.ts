/**
 * The LRU of open handles.
 *
 * A handle is in exactly one place:
 *
 *     opening → pinned ⇄ idle → closing → gone
 *                  ↖     ↖ stuck ↙
 *
 *  - `opening`: one flight per key, whoever asks meanwhile waits for it;
 *  - `pinned`: somebody uses it, so nothing closes it (invariant 7);
 *  - `idle`: in the LRU, limited by count, bytes and idle time;
 *  - `closing`: its checkpoint and close are under way; who asks for the key meanwhile waits, then opens anew;
 *  - `stuck`: it could not be closed. It can be used again, and the next sweep lets it go back to `idle`, or closes it.
 *
 * All count against the limit, so open files never exceed it. A handle that must go (`retire`) is lent to nobody new: who
 * asks for its key waits until it is gone, since a second one would be a second connection to the file.
 *
 * When no place is free, keys wait in line for one, first come first served, for a bounded time and in a bounded number of
 * callers. A place that comes free is granted to the key at the head of the line and to nobody else. While keys wait, each
 * of them evicts one idle handle; and when none is idle, the handle that has been in use for longest is not lent anew
 * after its turn of {@link PoolSettings.turnMs}, so that a tenant which is used without any pause keeps nobody out.
 */
import { type Clock, TenaxError, type Timer } from '@tenax/kernel'
import { LRUCache } from 'lru-cache'
import { RETIRE_IDLE_MS } from './limits.ts'
import type { DisposalReason, Poolable, PoolSettings, PoolStats } from './pool-port.ts'
import { Waiters, wakeAll } from './waiters.ts'

interface Entry<H> {
  readonly handle: H
  pins: number
  idleSinceMs: number
  /** Since when somebody uses it without a pause. */
  pinnedSinceMs: number
  /** Set when the handle must go as soon as nobody uses it. */
  retireAs: DisposalReason | undefined
}

/** A bounded pool of handles by key. `open` makes a handle that is not there. */
export class HandlePool<K extends string, H extends Poolable> {
  readonly #open: (key: K) => Promise<H>
  readonly #settings: PoolSettings
  readonly #clock: Clock
  readonly #waiters: Waiters
  readonly #idle: LRUCache<K, Entry<H>>
  readonly #pinned = new Map<K, Entry<H>>()
  readonly #stuck = new Map<K, Entry<H>>()
  readonly #opening = new Map<K, Promise<void>>()
  readonly #closing = new Map<K, Promise<void>>()
  /** Keys that verbs want gone, with their number: nothing is opened for them meanwhile. */
  readonly #retiring = new Map<K, number>()
  /** Keys in line for a place, each with its callers. */
  readonly #line = new Map<K, Set<() => void>>()
  /** Keys that were given a place and have not begun to open. */
  readonly #granted = new Set<K>()
  /** Verbs and callers that wait for a certain handle to go; each change wakes all of them. */
  readonly #watchers = new Set<() => void>()
  readonly #disposed: Record<DisposalReason, number> = { evict: 0, idle: 0, drain: 0, fenced: 0, delete: 0 }
  #opened = 0
  #sweep: Timer | undefined
  #turn: Timer | undefined
  #draining = false

  constructor(options: { open: (key: K) => Promise<H>; settings: PoolSettings; clock: Clock }) {
    this.#open = options.open
    this.#settings = options.settings
    this.#clock = options.clock
    this.#waiters = new Waiters({ clock: options.clock, waitersMax: options.settings.waitersMax })
    this.#idle = new LRUCache<K, Entry<H>>({
      max: options.settings.handlesMax,
      maxSize: options.settings.bytesMax,
      sizeCalculation: (entry) => Math.min(Math.max(1, entry.handle.memoryBytes()), options.settings.bytesMax),
      dispose: (entry, key, reason) => {
        if (reason === 'evict') this.#close(key, entry, 'evict')
      },
    })
  }

  /**
   * Lends the handle of `key` to `fn`, opened if needed. It stays open until `fn` has ended.
   *
   * @throws TenaxError `overloaded` when no place came free in time; what opening throws
   */
  async use<T>(key: K, fn: (handle: H) => Promise<T> | T): Promise<T> {
    const entry = await this.#pin(key)
    try {
      return await fn(entry.handle)
    } finally {
      this.#unpin(key, entry)
    }
  }

  async #pin(key: K): Promise<Entry<H>> {
    const deadlineMs = this.#clock.monotonicMs() + this.#settings.waitMsMax
    for (;;) {
      const ready = this.#pinReady(key)
      if (ready !== undefined) return ready
      if (this.#draining) throw new TenaxError('unavailable', 'the host is shutting down')
      const busy = this.#closing.get(key) ?? this.#opening.get(key)
      if (busy !== undefined) await busy
      else if (this.#retiring.has(key) || this.peek(key) !== undefined) await this.#waitUntilGone(key, deadlineMs)
      else if (this.#takePlace(key)) return this.#openAs(key)
      else await this.#standInLine(key, deadlineMs)
    }
  }

  async #waitUntilGone(key: K, deadlineMs: number): Promise<void> {
    if (this.#granted.delete(key)) this.#serveLine() // the place is of use to somebody else meanwhile
    await this.#waiters.queueIn(this.#watchers, deadlineMs)
  }

  /** True when `key` may be opened now: its place was granted, or one is free and nobody was here before. */
  #takePlace(key: K): boolean {
    return this.#granted.delete(key) || (this.#line.size === 0 && this.#placesLeft() > 0)
  }

  #placesLeft(): number {
    const open = this.#idle.size + this.#pinned.size + this.#stuck.size
    return this.#settings.handlesMax - open - this.#opening.size - this.#closing.size - this.#granted.size
  }

  async #standInLine(key: K, deadlineMs: number): Promise<void> {
    const callers = this.#line.get(key) ?? new Set()
    const turn = this.#waiters.queueIn(callers, deadlineMs)
    this.#line.set(key, callers)
    this.#serveLine()
    try {
      await turn
    } finally {
      if (callers.size === 0 && this.#line.get(key) === callers) this.#line.delete(key)
    }
  }

  /** Grants the free places, and makes as many free as keys are waiting. */
  #serveLine(): void {
    for (const [key, callers] of this.#line) {
      if (callers.size > 0 && this.#placesLeft() <= 0) break
      this.#line.delete(key)
      if (callers.size > 0) this.#granted.add(key) // else they have just run out of time
      wakeAll(callers)
    }
    for (let missing = this.#line.size - this.#closing.size; missing > 0; missing -= 1) {
      const oldest = this.#oldestIdle()
      if (oldest === undefined) break
      this.#dispose(oldest, 'evict')
    }
    if (this.#line.size > this.#closing.size)
      this.#turn ??= this.#clock.after(this.#settings.turnMs, () => this.#onTurn())
  }

  /** For each key that waits in vain, the handle that has been in use for longest is lent to nobody anew. */
  #onTurn(): void {
    this.#turn = undefined
    const leaving = [...this.#pinned.values()].filter(({ retireAs }) => retireAs !== undefined).length
    let missing = this.#line.size - this.#closing.size - leaving
    const latestMs = this.#clock.monotonicMs() - this.#settings.turnMs
    for (const entry of this.#pinned.values()) {
      if (missing <= 0 || entry.pinnedSinceMs > latestMs) break
      if (entry.retireAs !== undefined) continue
      entry.retireAs = 'evict'
      missing -= 1
    }
    this.#serveLine()
  }

  /** The entry of an open handle, pinned once more; undefined when it is not open, or about to go. */
  #pinReady(key: K): Entry<H> | undefined {
    const entry = this.#pinned.get(key) ?? this.#idle.get(key) ?? this.#stuck.get(key)
    if (entry === undefined || entry.retireAs !== undefined) return undefined
    if (entry.pins === 0) {
      this.#idle.delete(key)
      this.#stuck.delete(key)
      entry.pinnedSinceMs = this.#clock.monotonicMs()
      this.#pinned.set(key, entry)
    }
    entry.pins += 1
    return entry
  }

  /** The least recently used idle key. */
  #oldestIdle(): K | undefined {
    for (const key of this.#idle.rkeys()) return key
    return undefined
  }

  /** Opens the handle of `key`, pinned for the one who asked, so that nobody evicts it before it was used. */
  async #openAs(key: K): Promise<Entry<H>> {
    const flight = this.#open(key).then((handle) => {
      const nowMs = this.#clock.monotonicMs()
      const entry: Entry<H> = { handle, pins: 1, idleSinceMs: nowMs, pinnedSinceMs: nowMs, retireAs: undefined }
      this.#opened += 1
      this.#pinned.set(key, entry)
      return entry
    })
    const settled = flight.then(
      () => void this.#opening.delete(key),
      () => void this.#opening.delete(key),
    )
    this.#opening.set(key, settled)
    try {
      return await flight
    } finally {
      await settled
      this.#wake()
    }
  }

  #setIdle(key: K, entry: Entry<H>): void {
    this.#idle.set(key, entry)
    this.#armSweep()
  }

  #armSweep(): void {
    this.#sweep ??= this.#clock.after(this.#settings.sweepMs, () => this.#onSweep())
  }

  #unpin(key: K, entry: Entry<H>): void {
    entry.pins -= 1
    if (entry.pins > 0) return
    this.#pinned.delete(key)
    entry.idleSinceMs = this.#clock.monotonicMs()
    if (entry.retireAs !== undefined) this.#close(key, entry, entry.retireAs)
    else if (entry.handle.isWorn) this.#close(key, entry, 'evict')
    else this.#setIdle(key, entry)
    this.#wake()
  }

  #dispose(key: K, reason: DisposalReason): void {
    const entry = this.#idle.get(key)
    if (entry === undefined) return
    this.#idle.delete(key)
    this.#close(key, entry, reason)
  }

  /** Closes an entry that is neither idle nor pinned any more. If it cannot be closed now, it is stuck until the sweep. */
  #close(key: K, entry: Entry<H>, reason: DisposalReason): void {
    const closing = entry.handle
      .close(reason)
      .catch(() => false) // it is still open: tried again by the sweep
      .then((closed) => {
        this.#closing.delete(key)
        if (closed) this.#disposed[reason] += 1
        else {
          if (entry.retireAs === 'evict') entry.retireAs = undefined // nobody insists: it may be used meanwhile
          this.#stuck.set(key, entry)
          this.#armSweep()
        }
        this.#wake()
      })
    this.#closing.set(key, closing)
  }

  /** Who is in line comes before who waits for a handle to go, and might take the place of it. */
  #wake(): void {
    this.#serveLine()
    wakeAll(this.#watchers)
  }

  #onSweep(): void {
    this.#sweep = undefined
    this.#freeStuck()
    const nowMs = this.#clock.monotonicMs()
    for (const [key, entry] of [...this.#idle.entries()]) {
      const idleMs = nowMs - entry.idleSinceMs
      if (idleMs >= this.#settings.idleMs) this.#dispose(key, 'idle')
      else entry.handle.quiet(idleMs)
    }
    if (this.#idle.size + this.#stuck.size > 0) this.#armSweep()
  }

  /** What could not be closed is closed again if it must go; else it is idle, and whoever waits for a place may try it. */
  #freeStuck(): void {
    const stuck = [...this.#stuck]
    this.#stuck.clear()
    for (const [key, entry] of stuck) {
      if (entry.retireAs !== undefined) this.#close(key, entry, entry.retireAs)
      else if (entry.handle.isWorn) this.#close(key, entry, 'evict')
      else this.#setIdle(key, entry)
    }
    this.#serveLine()
  }

  /**
   * Lets go of the handle of `key`, waiting for whoever uses it. Resolves when it is closed, or was not open, and
   * `whenGone` has ended, which is told the handle that this has closed; only then is the key opened again.
   *
   * @throws TenaxError `overloaded` when it took too long; the handle goes as soon as it can
   */
  async retire(
    key: K,
    reason: DisposalReason,
    whenGone?: (closed: H | undefined) => Promise<void> | void,
  ): Promise<void> {
    this.#retiring.set(key, (this.#retiring.get(key) ?? 0) + 1)
    try {
      const closed = await this.#letGo(key, reason)
      await whenGone?.(closed)
    } finally {
      const others = (this.#retiring.get(key) ?? 1) - 1
      if (others > 0) this.#retiring.set(key, others)
      else this.#retiring.delete(key)
      this.#wake()
    }
  }

  async #letGo(key: K, reason: DisposalReason): Promise<H | undefined> {
    // What only has been idle is no reason to keep its users waiting for long.
    const waitMs = reason === 'idle' ? Math.min(RETIRE_IDLE_MS, this.#settings.waitMsMax) : this.#settings.waitMsMax
    const deadlineMs = this.#clock.monotonicMs() + waitMs
    let closed: H | undefined
    for (;;) {
      const flight = this.#opening.get(key) ?? this.#closing.get(key)
      if (flight !== undefined) {
        await flight
        continue
      }
      const held = this.#pinned.get(key) ?? this.#stuck.get(key)
      if (held !== undefined) {
        held.retireAs = reason
        closed = held.handle
        await this.#waiters.waitIn(this.#watchers, deadlineMs).catch((error: unknown) => {
          if (reason === 'idle') held.retireAs = undefined // nobody insists: it is lent again
          throw error
        })
        continue
      }
      const idle = this.#idle.peek(key)
      if (idle === undefined) return closed
      closed = idle.handle
      this.#dispose(key, reason)
    }
  }

  /** Every open handle: for looking, not for use. */
  *handles(): Generator<H, void, void> {
    for (const { handle } of this.#pinned.values()) yield handle
    for (const { handle } of this.#idle.values()) yield handle
    for (const { handle } of this.#stuck.values()) yield handle
  }

  /** The open handle of `key`, if there is one: for looking, not for use. */
  peek(key: K): H | undefined {
    return (this.#pinned.get(key) ?? this.#idle.peek(key) ?? this.#stuck.get(key))?.handle
  }

  /** Closes everything: no new uses, those under way end first. Who waits for a place is turned away at once. */
  async drain(): Promise<void> {
    this.#draining = true
    for (const callers of this.#line.values()) wakeAll(callers)
    const deadlineMs = this.#clock.monotonicMs() + this.#settings.waitMsMax
    try {
      while (this.#pinned.size + this.#opening.size > 0) {
        this.#disposeIdle()
        await this.#waiters.waitIn(this.#watchers, deadlineMs)
      }
    } finally {
      this.#disposeIdle()
      await Promise.all(this.#closing.values())
      this.#sweep?.cancel()
      this.#sweep = undefined
      this.#turn?.cancel()
      this.#turn = undefined
    }
  }

  #disposeIdle(): void {
    this.#freeStuck()
    for (const key of [...this.#idle.keys()]) this.#dispose(key, 'drain')
  }

  stats(): PoolStats {
    return {
      idle: this.#idle.size,
      stuck: this.#stuck.size,
      pinned: this.#pinned.size,
      opening: this.#opening.size,
      closing: this.#closing.size,
      waiting: this.#waiters.count,
      opened: this.#opened,
      disposed: { ...this.#disposed },
    }
  }
}
