/** A store whose calls end, whatever its driver does: by a signal, or after a while. A directory on a dead network is such. */
import type { BlobEntry, BlobStore } from '@tenax/blobstore'
import { type Clock, TenaxError } from '@tenax/kernel'
import { STORE_CALL_MS_MAX } from '../limits.ts'

/** What ends calls. */
export interface Bounds {
  readonly clock: Clock
  /** Aborted with the error that calls under way reject with. */
  readonly signal: AbortSignal
}

/** `store`, whose every call rejects when the signal is aborted or 60 s are over: `unavailable`, of a change `outcome_unknown`. */
export function boundedStore(store: BlobStore, bounds: Bounds): BlobStore {
  const read = <T>(call: Promise<T>) => within(call, bounds, 'unavailable')
  const change = (call: Promise<void>) => within(call, bounds, 'outcome_unknown')
  return {
    name: store.name,
    get: (key, options) => read(store.get(key, options)),
    create: (key, bytes, options) => change(store.create(key, bytes, options)),
    put: (key, bytes, options) => change(store.put(key, bytes, options)),
    delete: (key, options) => change(store.delete(key, options)),
    list: (prefix, options) => boundedList(store.list(prefix, options), read),
    close: () => store.close(),
  }
}

async function* boundedList(
  entries: AsyncIterable<BlobEntry>,
  read: (call: Promise<IteratorResult<BlobEntry>>) => Promise<IteratorResult<BlobEntry>>,
): AsyncGenerator<BlobEntry> {
  const iterator = entries[Symbol.asyncIterator]()
  for (;;) {
    const step = await read(iterator.next())
    if (step.done === true) return
    yield step.value
  }
}

async function within<T>(
  call: Promise<T>,
  { clock, signal }: Bounds,
  code: 'unavailable' | 'outcome_unknown',
): Promise<T> {
  const ended = Promise.withResolvers<never>()
  const onAbort = () => ended.reject(signal.reason)
  const timer = clock.after(STORE_CALL_MS_MAX, () =>
    ended.reject(new TenaxError(code, 'object storage does not answer', { hint: 'try again when it does' })),
  )
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([call, ended.promise])
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', onAbort)
    call.catch(() => undefined) // whoever waited has gone
  }
}
