/** One call, and the requests that it takes. */
import { type Clock, isTenaxError } from '@tenax/kernel'
import { S3_PAUSES_MS, S3_TRIES_MAX, S3_TRY_MS } from '../limits.ts'
import { type Failure, fateOf } from './s3-failure.ts'

/** Waits for `delayMs`, or less when `signal` is aborted. */
export type Pause = (delayMs: number, signal?: AbortSignal) => Promise<void>

/** How to try. */
export interface TriesOptions {
  readonly clock: Clock
  readonly pause: Pause
  readonly signal: AbortSignal | undefined
  /** Longest time of one try. */
  readonly tryMs: number
  /** Whether it changes nothing, so that it can be asked for as often as one likes. */
  readonly isRead: boolean
}

/** What a call came to. `afterUnknown`: an earlier request of the same call may have changed something. */
export type TriesEnd<T> = { readonly fate: 'done'; readonly value: T } | (Failure & { readonly afterUnknown: boolean })

/**
 * Makes a request, again when that can help. One that changes something is not made again when the answer to it was lost: the
 * first one may still be on its way, and would come after whatever the caller does next.
 */
export async function makeTries<T>(
  options: TriesOptions,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<TriesEnd<T>> {
  let afterUnknown = false
  const beganMs = options.clock.monotonicMs()
  const isOver = () => options.signal?.aborted === true || options.clock.monotonicMs() - beganMs >= S3_TRY_MS
  for (let tryCount = 1; ; tryCount++) {
    try {
      return { fate: 'done', value: await withinTime(options, request) }
    } catch (error) {
      if (isTenaxError(error)) throw error
      const fate = fateOf(error)
      const mayBeDone: boolean = afterUnknown || (!options.isRead && (fate === 'failed' || fate === 'lost'))
      const isWorthIt = fate === 'away' || fate === 'busy' || fate === 'failed' || (fate === 'lost' && options.isRead)
      const failure = { fate, mayBeDone, afterUnknown, error }
      if (!isWorthIt || tryCount >= S3_TRIES_MAX || isOver()) return failure
      await options.pause(S3_PAUSES_MS[tryCount - 1] ?? 0, options.signal)
      if (isOver()) return failure
      afterUnknown = mayBeDone
    }
  }
}

/** Whatever ends a request early closes its connection, and so does a body that is not read to its end. */
async function withinTime<T>(
  { clock, signal, tryMs }: TriesOptions,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController()
  const end = () => ending.abort()
  const timer = clock.after(tryMs, end)
  signal?.addEventListener('abort', end, { once: true })
  try {
    return await request(ending.signal)
  } catch (error) {
    end()
    throw error
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', end)
  }
}
