/**
 * Hrana streams between requests. A stream is found by its baton: random, used once, and good only for the tenant, the
 * history of that tenant, and the principal that it was given to. A stream that is being used has no baton at all.
 */
import { createHash, randomBytes } from 'node:crypto'
import { type Clock, type TenantId, TenaxError, type Timer } from '@tenax/kernel'
import type { Session } from '@tenax/tenancy'
import {
  ALL_STORED_SQL_BYTES_MAX,
  STREAM_IDLE_MS,
  STREAM_SWEEP_MS,
  STREAMS_MAX,
  STREAMS_PER_TENANT_MAX,
} from './limits.ts'
import type { ByteBudget, StoredTexts } from './stored-texts.ts'

/** One stream: a session and the SQL texts stored on it. */
export interface Stream {
  readonly tenantId: TenantId
  readonly lineage: string
  readonly principal: string
  readonly session: Session
  readonly storedSql: StoredTexts
}

interface Parked {
  readonly stream: Stream
  readonly parkedAtMs: number
}

/** All open streams of a host. */
export class Streams {
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  readonly #parked = new Map<string, Parked>()
  readonly #perTenant = new Map<TenantId, number>()
  /** What the stored SQL of all streams may still take. */
  readonly textBudget: ByteBudget = { bytesLeft: ALL_STORED_SQL_BYTES_MAX }
  #count = 0
  #sweep: Timer | undefined

  constructor(options: { clock: Clock; onError: (error: unknown) => void }) {
    this.#clock = options.clock
    this.#onError = options.onError
  }

  /** Streams that are open, in use or parked. */
  get size(): number {
    return this.#count
  }

  /** Counts a new stream in. Throws TenaxError `overloaded`. */
  add(stream: Stream): void {
    const ofTenant = this.#perTenant.get(stream.tenantId) ?? 0
    if (this.#count >= STREAMS_MAX || ofTenant >= STREAMS_PER_TENANT_MAX) {
      throw new TenaxError('overloaded', 'too many open streams', {
        hint: 'close streams that are done: client.close(), tx.close()',
      })
    }
    this.#count += 1
    this.#perTenant.set(stream.tenantId, ofTenant + 1)
  }

  /** Keeps a stream for its next request and gives the baton for it. */
  park(stream: Stream): string {
    const baton = randomBytes(24).toString('base64url')
    this.#parked.set(keyOf(baton), { stream, parkedAtMs: this.#clock.monotonicMs() })
    this.#sweep ??= this.#clock.after(STREAM_SWEEP_MS, () => this.#onSweep())
    return baton
  }

  /** Takes the stream of `baton`; the baton is used up. Throws TenaxError `baton_invalid`. */
  take(baton: string, of: { tenantId: TenantId; principal: string }): Stream {
    const key = keyOf(baton)
    const stream = this.#parked.get(key)?.stream
    if (stream === undefined || stream.tenantId !== of.tenantId || stream.principal !== of.principal)
      throw batonInvalid()
    this.#parked.delete(key)
    return stream
  }

  /** Closes a stream and counts it out; an open transaction is rolled back. */
  async drop(stream: Stream): Promise<void> {
    this.#count -= 1
    const left = (this.#perTenant.get(stream.tenantId) ?? 1) - 1
    if (left > 0) this.#perTenant.set(stream.tenantId, left)
    else this.#perTenant.delete(stream.tenantId)
    stream.storedSql.clear()
    await stream.session.close()
  }

  #onSweep(): void {
    this.#sweep = undefined
    const oldestMs = this.#clock.monotonicMs() - STREAM_IDLE_MS
    for (const [key, { stream, parkedAtMs }] of this.#parked) {
      if (parkedAtMs > oldestMs) break // in order of parking
      this.#parked.delete(key)
      this.drop(stream).catch(this.#onError)
    }
    if (this.#parked.size > 0) this.#sweep = this.#clock.after(STREAM_SWEEP_MS, () => this.#onSweep())
  }

  /** Closes every parked stream. */
  async close(): Promise<void> {
    this.#sweep?.cancel()
    const streams = [...this.#parked.values()].map(({ stream }) => stream)
    this.#parked.clear()
    for (const stream of streams) await this.drop(stream)
  }
}

/** Batons are looked up by their hash, so that the time of the look-up tells nothing about them. */
function keyOf(baton: string): string {
  return createHash('sha256').update(baton).digest('base64')
}

/** The refusal of a baton; it does not say what is wrong with it. */
export function batonInvalid(): TenaxError {
  return new TenaxError('baton_invalid', 'the stream of this baton is closed, expired, or not yours', {
    hint: 'open a new stream and run the transaction again',
  })
}
