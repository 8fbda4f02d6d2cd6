/** A store whose calls somebody counts or traces. */
import { type Clock, type ErrorCode, isTenaxError } from '@tenax/kernel'
import type { BlobEntry, BlobStore } from './blob-store.ts'

/** The verbs of a store that do something. */
export type StoreVerb = 'get' | 'create' | 'put' | 'list' | 'delete'

/** A call that has ended. */
export interface StoreCall {
  readonly verb: StoreVerb
  /** `ok`, a code, or `aborted` when the caller's signal ended it. */
  readonly outcome: 'ok' | 'aborted' | ErrorCode
  /** What it brought or took, or was to take. */
  readonly lengthBytes: number
  /** From the call to its end; of a list, to the end of its reader. */
  readonly durationMs: number
}

/** Who is told. `onCall` must not throw. */
export interface Observer {
  readonly clock: Clock
  readonly onCall: (call: StoreCall) => void
}

/**
 * `store`, with each call told when it has ended. Keys are not told: they name tenants, and a metric must not.
 *
 * @example
 * const counts = new StoreCounts()
 * const counted = observeStore(store, { clock, onCall: (call) => counts.add(call) })
 */
export function observeStore(store: BlobStore, { clock, onCall }: Observer): BlobStore {
  const observe = async <T>(
    verb: StoreVerb,
    call: () => Promise<T>,
    lengthOf: (value: T | undefined) => number,
  ): Promise<T> => {
    const beganMs = clock.monotonicMs()
    const end = (outcome: StoreCall['outcome'], value: T | undefined) =>
      onCall({ verb, outcome, lengthBytes: lengthOf(value), durationMs: clock.monotonicMs() - beganMs })
    try {
      const value = await call()
      end('ok', value)
      return value
    } catch (error) {
      end(outcomeOf(error), undefined)
      throw error
    }
  }
  return {
    name: store.name,
    get: (key, options) =>
      observe(
        'get',
        () => store.get(key, options),
        (bytes) => bytes?.length ?? 0,
      ),
    create: (key, bytes, options) =>
      observe(
        'create',
        () => store.create(key, bytes, options),
        () => bytes.length,
      ),
    put: (key, bytes, options) =>
      observe(
        'put',
        () => store.put(key, bytes, options),
        () => bytes.length,
      ),
    list: (prefix, options) => observeList(store.list(prefix, options), { clock, onCall }),
    delete: (key, options) =>
      observe(
        'delete',
        () => store.delete(key, options),
        () => 0,
      ),
    close: () => store.close(),
  }
}

async function* observeList(entries: AsyncIterable<BlobEntry>, { clock, onCall }: Observer): AsyncGenerator<BlobEntry> {
  const beganMs = clock.monotonicMs()
  let outcome: StoreCall['outcome'] = 'ok'
  try {
    yield* entries
  } catch (error) {
    outcome = outcomeOf(error)
    throw error
  } finally {
    onCall({ verb: 'list', outcome, lengthBytes: 0, durationMs: clock.monotonicMs() - beganMs })
  }
}

function outcomeOf(error: unknown): StoreCall['outcome'] {
  return isTenaxError(error) ? error.code : 'aborted'
}

/** What the calls of one verb came to. */
export interface VerbCounts {
  readonly callCount: number
  /** Calls by their outcome; one that never happened is not there. */
  readonly byOutcome: ReadonlyMap<StoreCall['outcome'], number>
  /** Of calls that succeeded. */
  readonly lengthBytes: number
  readonly durationMs: number
}

/** Sums of calls: bounded, however many there are. */
export class StoreCounts {
  readonly #verbs = new Map<
    StoreVerb,
    { byOutcome: Map<StoreCall['outcome'], number>; lengthBytes: number; durationMs: number }
  >()

  add({ verb, outcome, lengthBytes, durationMs }: StoreCall): void {
    const sums = this.#verbs.get(verb) ?? { byOutcome: new Map(), lengthBytes: 0, durationMs: 0 }
    this.#verbs.set(verb, sums)
    sums.byOutcome.set(outcome, (sums.byOutcome.get(outcome) ?? 0) + 1)
    sums.durationMs += durationMs
    if (outcome === 'ok') sums.lengthBytes += lengthBytes
  }

  /** What there was of `verb` until now. */
  of(verb: StoreVerb): VerbCounts {
    const { byOutcome = new Map(), lengthBytes = 0, durationMs = 0 } = this.#verbs.get(verb) ?? {}
    const callCount = [...byOutcome.values()].reduce((sum: number, count: number) => sum + count, 0)
    return { callCount, byOutcome, lengthBytes, durationMs }
  }
}
