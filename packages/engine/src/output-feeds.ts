/**
 * Who follows the outputs of which run. A commit and a run's end are told as marks: what is recorded is read from the file,
 * page by page, as fast as its reader takes it. Only what is shown and not recorded is kept for a reader, and bounded.
 */
import { type TenantId, TenaxError } from '@tenax/kernel'
import type { Json } from '@tenax/workflow'
import { FEED_LIVE_BYTES_MAX, FEED_LIVE_COUNT_MAX, FEEDS_MAX, FEEDS_PER_TENANT_MAX, LIVE_BYTES_MAX } from './limits.ts'
import { jsonTextOf } from './stored-error.ts'

/** What an attempt shows while it runs. Nothing keeps it. */
export interface LiveOutput {
  readonly type: 'live'
  /** Identity of the step. */
  readonly step: string
  /** From 1. */
  readonly attempt: number
  readonly atMs: number
  readonly value: Json
}

/** Something that a reader is to hear of next, in the order in which it came about. */
export type Mark =
  /** Something of the run is committed: its outputs up to `seq`. */
  | { readonly type: 'recorded'; readonly seq: number }
  | { readonly type: 'live'; readonly output: LiveOutput }
  /** The run has ended. */
  | { readonly type: 'ended' }
  /** The tenant may serve nobody any more, or be another. */
  | { readonly type: 'tenant' }

/** The marks that one reader has not taken. */
export class FeedQueue {
  readonly #stop: () => void
  #marks: { readonly mark: Mark; readonly bytes: number }[] = []
  #liveBytes = 0
  #failure: TenaxError | undefined
  #isClosed = false
  #wake: () => void = () => undefined

  constructor(stop: () => void) {
    this.#stop = stop
  }

  /** Resolves with the next mark, with nothing when it was closed. Throws TenaxError what it was failed with. */
  async next(): Promise<Mark | undefined> {
    for (;;) {
      if (this.#isClosed) return undefined
      const first = this.#marks.shift()
      if (first !== undefined) {
        this.#liveBytes -= first.bytes
        return first.mark
      }
      if (this.#failure !== undefined) throw this.#failure
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
  }

  /** Two commits in a row are one look at the file. */
  put(mark: Mark, bytes = 0): void {
    if (this.#failure !== undefined) return
    if (mark.type === 'recorded' && this.#marks.at(-1)?.mark.type === 'recorded') this.#marks.pop()
    this.#marks.push({ mark, bytes })
    this.#liveBytes += bytes
    if (this.#liveBytes > FEED_LIVE_BYTES_MAX || this.#marks.length > FEED_LIVE_COUNT_MAX) this.fail(tooSlow())
    this.#wake()
  }

  /** Nothing more comes: the reader gets what is there, and then `failure`. */
  fail(failure: TenaxError): void {
    this.#failure ??= failure
    this.#wake()
  }

  /** Lets its place go. Safe to repeat. */
  close(): void {
    this.#isClosed = true
    this.#stop()
    this.#wake()
  }
}

/** The readers of one host. */
export class OutputFeeds {
  readonly #queues = new Map<string, Set<FeedQueue>>()
  readonly #countByTenant = new Map<TenantId, number>()
  #count = 0

  /** A place for one more reader. Throws TenaxError `overloaded`. */
  open(tenant: TenantId, run: number): FeedQueue {
    const ofTenant = this.#countByTenant.get(tenant) ?? 0
    if (this.#count >= FEEDS_MAX || ofTenant >= FEEDS_PER_TENANT_MAX) {
      throw new TenaxError('overloaded', 'too many readers follow outputs of runs already', {
        hint: `a host has ${FEEDS_MAX} places, a tenant ${FEEDS_PER_TENANT_MAX}; read pages instead`,
      })
    }
    const key = keyOf(tenant, run)
    const queues = this.#queues.get(key) ?? new Set()
    this.#queues.set(key, queues)
    const queue = new FeedQueue(() => {
      if (queues.delete(queue)) this.#left(tenant, key, queues)
    })
    queues.add(queue)
    this.#count += 1
    this.#countByTenant.set(tenant, ofTenant + 1)
    return queue
  }

  /** Something of the run was committed: its outputs up to `seq`. Nobody follows a run without a number. */
  recorded(tenant: TenantId, run: number | undefined, seq: number): void {
    if (run !== undefined) this.#tell(tenant, run, { type: 'recorded', seq })
  }

  /** The run has ended. */
  ended(tenant: TenantId, run: number): void {
    this.#tell(tenant, run, { type: 'ended' })
  }

  /**
   * Shows `value`, which is copied, to who follows the run.
   *
   * @throws TenaxError `payload_too_large`, `argument_invalid` for what JSON cannot hold, whether anybody follows or not
   */
  show(tenant: string, run: number, output: LiveOutput): void {
    const text = jsonTextOf(output.value, { what: 'value that emit shows', bytesMax: LIVE_BYTES_MAX })
    const queues = this.#queues.get(keyOf(tenant, run))
    if (queues === undefined) return
    const mark = { type: 'live', output: { ...output, value: JSON.parse(text) as Json } } as const
    for (const queue of queues) queue.put(mark, Buffer.byteLength(text))
  }

  /** The tenant may serve nobody any more, or be another: whoever follows a run of it looks at once. */
  tenantChanged(tenant: TenantId): void {
    if (!this.#countByTenant.has(tenant)) return
    for (const [key, queues] of this.#queues) {
      if (key.startsWith(`${tenant}/`)) for (const queue of queues) queue.put({ type: 'tenant' })
    }
  }

  /** Every reader gets what is there, and then `failure`. */
  failAll(failure: TenaxError): void {
    for (const queues of this.#queues.values()) for (const queue of queues) queue.fail(failure)
  }

  #tell(tenant: TenantId, run: number, mark: Mark): void {
    if (this.#count === 0) return
    for (const queue of this.#queues.get(keyOf(tenant, run)) ?? []) queue.put(mark)
  }

  #left(tenant: TenantId, key: string, queues: ReadonlySet<FeedQueue>): void {
    if (queues.size === 0) this.#queues.delete(key)
    this.#count -= 1
    const left = (this.#countByTenant.get(tenant) ?? 1) - 1
    if (left > 0) this.#countByTenant.set(tenant, left)
    else this.#countByTenant.delete(tenant)
  }
}

function keyOf(tenant: string, run: number): string {
  return `${tenant}/${run}`
}

function tooSlow(): TenaxError {
  return new TenaxError('reader_too_slow', 'the run shows more than this reader takes', {
    hint: 'ask again behind the last recorded output; what was only shown is lost',
  })
}
