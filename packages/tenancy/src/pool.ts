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
 * asks for its key waits until it is gone, since a second one would be a second connection to the file. When every place
 * is pinned, callers wait in a bounded queue, for a bounded time.
 */
import { type Clock, TenaxError, type Timer } from '@tenax/kernel'
import { LRUCache } from 'lru-cache'
import type { DisposalReason, Poolable, PoolSettings, PoolStats } from './pool-port.ts'

interface Entry<H> {
  readonly handle: H
  pins: number
  idleSinceMs: number
  /** Set when the handle must go as soon as nobody uses it. */
  retireAs: DisposalReason | undefined
}

/** A bounded pool of handles by key. `open` makes a handle that is not there. */
export class HandlePool<K extends string, H extends Poolable> {
  readonly #open: (key: K) => Promise<H>
  readonly #settings: PoolSettings
  readonly #clock: Clock
  readonly #idle: LRUCache<K, Entry<H>>
  readonly #pinned = new Map<K, Entry<H>>()
  readonly #stuck = new Map<K, Entry<H>>()
  readonly #opening = new Map<K, Promise<void>>()
  readonly #closing = new Map<K, Promise<void>>()
  /** Keys that verbs want gone, with their number: nothing is opened for them meanwhile. */
  readonly #retiring = new Map<K, number>()
  /** Callers that wait for a place; each change wakes one of them. */
  readonly #waiters = new Set<() => void>()
  /** Verbs and callers that wait for a certain handle to go; each change wakes all of them. */
  readonly #watchers = new Set<() => void>()
  readonly #disposed: Record<DisposalReason, number> = { evict: 0, idle: 0, drain: 0, fenced: 0, delete: 0 }
  #opened = 0
  #sweep: Timer | undefined
  #draining = false

  constructor(options: { open: (key: K) => Promise<H>; settings: PoolSettings; clock: Clock }) {
    this.#open = options.open
    this.#settings = options.settings
    this.#clock = options.clock
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
    for (let waited = false; ; ) {
      const ready = this.#pinReady(key)
      if (ready !== undefined) {
        if (waited) this.#wakeOne() // the place that this caller was woken for may still be free
        return ready
      }
      if (this.#draining) throw new TenaxError('unavailable', 'the host is shutting down')
      const busy = this.#closing.get(key) ?? this.#opening.get(key)
      const mustWait = this.#retiring.has(key) || this.peek(key) !== undefined
      if (waited && (busy !== undefined || mustWait)) this.#wakeOne() // as above: somebody else may need the place
      if (busy !== undefined) await busy
      else if (mustWait) await this.#queueIn(this.#watchers, deadlineMs)
      else if (this.#hasRoom()) await this.#openAs(key)
      else {
        await this.#queueIn(this.#waiters, deadlineMs)
        waited = true
      }
    }
  }

  /** The entry of an open handle, pinned once more; undefined when it is not open, or about to go. */
  #pinReady(key: K): Entry<H> | undefined {
    const entry = this.#pinned.get(key) ?? this.#idle.get(key) ?? this.#stuck.get(key)
    if (entry === undefined || entry.retireAs !== undefined) return undefined
    if (entry.pins === 0) {
      this.#idle.delete(key)
      this.#stuck.delete(key)
      this.#pinned.set(key, entry)
    }
    entry.pins += 1
    return entry
  }

  #hasRoom(): boolean {
    const open = this.#idle.size + this.#pinned.size + this.#stuck.size
    const total = open + this.#opening.size + this.#closing.size
    if (total < this.#settings.handlesMax) return true
    const oldest = this.#oldestIdle()
    if (oldest !== undefined) this.#dispose(oldest, 'evict')
    return false
  }

  /** The least recently used idle key. */
  #oldestIdle(): K | undefined {
    for (const key of this.#idle.rkeys()) return key
    return undefined
  }

  async #openAs(key: K): Promise<void> {
    const flight = this.#open(key).then((handle) => {
      this.#opened += 1
      this.#setIdle(key, {
        handle,
        pins: 0,
        idleSinceMs: this.#clock.monotonicMs(),

        retireAs: undefined,
      })
    })
    const settled = flight.then(
      () => this.#opening.delete(key),
      () => this.#opening.delete(key),
    )
    this.#opening.set(
      key,
      settled.then(() => undefined),
    )
    try {
      await flight
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
          this.#stuck.set(key, entry)
          this.#armSweep()
        }
        this.#wake()
      })
    this.#closing.set(key, closing)
  }

  /** As `#waitIn`, for callers, whose number is bounded; verbs always find a place to wait. */
  #queueIn(set: Set<() => void>, deadlineMs: number): Promise<void> {
    if (this.#waiters.size + this.#watchers.size >= this.#settings.waitersMax) throw overloaded()
    return this.#waitIn(set, deadlineMs)
  }

  async #waitIn(set: Set<() => void>, deadlineMs: number): Promise<void> {
    const leftMs = deadlineMs - this.#clock.monotonicMs()
    if (leftMs <= 0) throw overloaded()
    await new Promise<void>((resolve, reject) => {
      const woken = () => {
        timer.cancel()
        resolve()
      }
      const timer = this.#clock.after(leftMs, () => {
        set.delete(woken)
        reject(overloaded())
      })
      set.add(woken)
    })
  }

  /** Who waited for a place comes before who waits for a handle to go, and might take that place. */
  #wake(): void {
    this.#wakeOne()
    const watchers = [...this.#watchers]
    this.#watchers.clear()
    for (const watcher of watchers) watcher()
  }

  #wakeOne(): void {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter)
      waiter()
      return
    }
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
    for (const _ of stuck) this.#wakeOne()
  }

  /**
   * Lets go of the handle of `key`, waiting for whoever uses it. Resolves when it is closed, or was not open, and
   * `whenGone` has run; only then is the key opened again.
   *
   * @throws TenaxError `overloaded` when it took too long; the handle goes as soon as it can
   */
  async retire(key: K, reason: DisposalReason, whenGone: () => void = () => undefined): Promise<void> {
    this.#retiring.set(key, (this.#retiring.get(key) ?? 0) + 1)
    try {
      await this.#letGo(key, reason)
      whenGone()
    } finally {
      const others = (this.#retiring.get(key) ?? 1) - 1
      if (others > 0) this.#retiring.set(key, others)
      else this.#retiring.delete(key)
      this.#wake()
    }
  }

  async #letGo(key: K, reason: DisposalReason): Promise<void> {
    const deadlineMs = this.#clock.monotonicMs() + this.#settings.waitMsMax
    for (;;) {
      const flight = this.#opening.get(key) ?? this.#closing.get(key)
      if (flight !== undefined) {
        await flight
        continue
      }
      const held = this.#pinned.get(key) ?? this.#stuck.get(key)
      if (held !== undefined) {
        held.retireAs = reason
        await this.#waitIn(this.#watchers, deadlineMs)
        continue
      }
      if (!this.#idle.has(key)) return
      this.#dispose(key, reason)
    }
  }

  /** The open handle of `key`, if there is one: for looking, not for use. */
  peek(key: K): H | undefined {
    return (this.#pinned.get(key) ?? this.#idle.peek(key) ?? this.#stuck.get(key))?.handle
  }

  /** Closes everything: no new uses, those under way end first. Who waits for a place is turned away at once. */
  async drain(): Promise<void> {
    this.#draining = true
    while (this.#waiters.size > 0) this.#wakeOne()
    const deadlineMs = this.#clock.monotonicMs() + this.#settings.waitMsMax
    try {
      while (this.#pinned.size + this.#opening.size > 0) {
        this.#disposeIdle()
        await this.#waitIn(this.#watchers, deadlineMs)
      }
    } finally {
      this.#disposeIdle()
      await Promise.all(this.#closing.values())
      this.#sweep?.cancel()
      this.#sweep = undefined
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
      waiting: this.#waiters.size,
      opened: this.#opened,
      disposed: { ...this.#disposed },
    }
  }
}

function overloaded(): TenaxError {
  return new TenaxError('overloaded', 'all open handles are in use', { hint: 'retry, or raise handlesMax' })
}
