/** What the pool asks of a handle, how it is set, and what it counts. */

/** Why a handle was closed. */
export type DisposalReason = 'evict' | 'idle' | 'drain' | 'fenced' | 'delete'

/** What the pool needs to know of a handle. */
export interface Poolable {
  /** Estimated memory, in bytes. */
  memoryBytes(): number
  /** True when the handle should be closed and opened anew at the next occasion. */
  readonly isWorn: boolean
  /** Closes. False when that cannot be done safely now: the handle then stays open, and is tried again later. */
  close(reason: DisposalReason): Promise<boolean>
  /** Called about once a second while the handle is idle; `idleMs` says for how long it has been. */
  quiet(idleMs: number): void
}

/** Settings of a pool. */
export interface PoolSettings {
  readonly handlesMax: number
  readonly bytesMax: number
  readonly idleMs: number
  readonly sweepMs: number
  readonly waitersMax: number
  readonly waitMsMax: number
  /** How long a handle may be in use without a pause while others wait for a place. */
  readonly turnMs: number
}

/** Counters for metrics: places by state, and disposals by reason since the start. */
export interface PoolStats {
  readonly idle: number
  readonly stuck: number
  readonly pinned: number
  readonly opening: number
  readonly closing: number
  readonly waiting: number
  readonly opened: number
  readonly disposed: Readonly<Record<DisposalReason, number>>
}
