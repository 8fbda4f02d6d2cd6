/** How far long verbs have come, told by the verbs themselves to whoever watches their tenant. */
import type { TenantId } from '@tenax/kernel'

/** Bytes that were moved or read, of those that are known to be. A further pass over the bytes adds to the total. */
export interface TransferProgress {
  readonly doneBytes: number
  readonly totalBytes: number
}

/** Where one transfer tells how far it is. */
export interface Meter {
  /** So many bytes are to be moved or read, too. */
  expect(bytes: number): void
  /** So many of them are done. */
  add(bytes: number): void
}

/** The transfers of one data directory. What nobody watches is not counted. */
export class Transfers {
  readonly #watchers = new Map<TenantId, Set<Meter>>()

  /** The meter of what is done with `id`. */
  of(id: TenantId): Meter {
    const tell = (word: keyof Meter, bytes: number) => {
      for (const watcher of this.#watchers.get(id) ?? []) watcher[word](bytes)
    }
    return { expect: (bytes) => tell('expect', bytes), add: (bytes) => tell('add', bytes) }
  }

  /** Tells `onProgress` of everything that is done with these tenants from now on, together. Returns how to end that. */
  watch(ids: readonly TenantId[], onProgress: (progress: TransferProgress) => void): () => void {
    let [doneBytes, totalBytes] = [0, 0]
    const told = () => onProgress({ doneBytes, totalBytes })
    const watcher: Meter = {
      expect(bytes) {
        totalBytes += bytes
        told()
      },
      add(bytes) {
        doneBytes += bytes
        told()
      },
    }
    for (const id of ids) this.#watchers.set(id, (this.#watchers.get(id) ?? new Set()).add(watcher))
    return () => {
      for (const id of ids) {
        const watchers = this.#watchers.get(id)
        watchers?.delete(watcher)
        if (watchers?.size === 0) this.#watchers.delete(id)
      }
    }
  }
}

/** The pieces of a file as they pass, each told to `meter`. */
export async function* metered(
  { bytes, chunks }: { readonly bytes: number; readonly chunks: AsyncIterable<Uint8Array> },
  meter: Meter,
): AsyncGenerator<Uint8Array, void, void> {
  meter.expect(bytes)
  for await (const chunk of chunks) {
    meter.add(chunk.byteLength)
    yield chunk
  }
}
