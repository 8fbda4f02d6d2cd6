/** A stream of events, followed to its end over as many connections as that takes. */
import { isTenaxError, pause } from '@tenax/kernel'
import { networkFailure } from './failure.ts'

/** How a stream is followed. */
export interface Following<T> {
  /** The events of one more connection, behind those that came before. */
  readonly connect: () => AsyncIterable<T>
  /** Whether nothing comes behind this one. */
  readonly isLast: (event: T) => boolean
  /** Where from, for the failure. */
  readonly origin: string
  /** Ends it without an error. */
  readonly signal: AbortSignal | undefined
  /** First wait before a connection that was cut off is made again, in milliseconds; it doubles. */
  readonly retryMs: number | undefined
}

/** Connections in a row that give nothing before the last failure is thrown: with the waits between them, half a minute. */
const FRUITLESS_MAX = 10
const RETRY_MS = 250
const RETRY_MS_MAX = 5_000

/** Each event once, in order, up to the last. */
export async function* reconnecting<T>(following: Following<T>): AsyncGenerator<T> {
  const { connect, isLast, origin, signal, retryMs = RETRY_MS } = following
  for (let fruitlessCount = 0; ; fruitlessCount += 1) {
    try {
      for await (const event of connect()) {
        fruitlessCount = 0
        yield event
        if (isLast(event)) return
      }
      throw networkFailure(origin, new Error('the stream was cut off'))
    } catch (error) {
      if (signal?.aborted) return
      if (!isPassing(error) || fruitlessCount >= FRUITLESS_MAX) throw error
    }
    await pause(Math.min(retryMs * 2 ** fruitlessCount, RETRY_MS_MAX), signal)
    if (signal?.aborted) return
  }
}

/** True for what may be over at the next try. */
function isPassing(error: unknown): boolean {
  return isTenaxError(error) && (error.kind === 'unavailable' || error.kind === 'overloaded')
}
