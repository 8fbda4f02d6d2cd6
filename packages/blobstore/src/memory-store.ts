/** Object storage in memory: for tests and simulations. */
import { assert, type Clock } from '@tenax/kernel'
import { blobExists, blobNotFound, keyCrossed, unavailable } from './blob-errors.ts'
import type { BlobEntry, BlobStore, CallOptions, GetOptions, ListOptions } from './blob-store.ts'
import { checkKey, checkLength, checkPrefix, checkRange } from './core/key.ts'

interface Kept {
  readonly bytes: Uint8Array
  readonly storedAtMs: number
  /** Whether {@link MemoryStore.damage} has changed it. */
  readonly isDamaged: boolean
}

/**
 * Blobs in memory, gone with the process. Stricter than a real store where that finds mistakes: a `put` of other bytes than
 * are there, and keys that continue each other, are refused.
 */
export class MemoryStore implements BlobStore {
  readonly name = 'memory'
  readonly #blobs = new Map<string, Kept>()
  /** How many blobs are below each prefix that ends with `/`. */
  readonly #below = new Map<string, number>()
  readonly #clock: Clock
  #isClosed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async get(key: string, { range, signal }: GetOptions = {}): Promise<Uint8Array> {
    checkKey(key)
    checkRange(range)
    this.#enter(signal)
    const kept = this.#blobs.get(key)
    if (kept === undefined) throw blobNotFound(key)
    return range === undefined ? kept.bytes.slice() : kept.bytes.slice(range.offset, range.offset + range.length)
  }

  async create(key: string, bytes: Uint8Array, { signal }: CallOptions = {}): Promise<void> {
    this.#enterWrite(key, bytes, signal)
    if (this.#blobs.has(key)) throw blobExists(key)
    this.#store(key, bytes)
  }

  async put(key: string, bytes: Uint8Array, { signal }: CallOptions = {}): Promise<void> {
    this.#enterWrite(key, bytes, signal)
    const kept = this.#blobs.get(key)
    const isSame = kept === undefined || kept.isDamaged || Buffer.compare(kept.bytes, bytes) === 0
    assert(isSame, 'what is put under a key follows from the key')
    this.#store(key, bytes)
  }

  async *list(prefix: string, { after = '', signal }: ListOptions = {}): AsyncIterable<BlobEntry> {
    checkPrefix(prefix)
    this.#enter(signal)
    const keys = [...this.#blobs.keys()].filter((key) => key.startsWith(prefix) && key > after).sort()
    for (const key of keys) {
      this.#enter(signal)
      const kept = this.#blobs.get(key)
      if (kept !== undefined) yield { key, lengthBytes: kept.bytes.length, storedAtMs: kept.storedAtMs }
    }
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    checkKey(key)
    this.#enter(signal)
    if (this.#blobs.delete(key)) this.#count(key, -1)
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  /** Changes what is stored, as a broken disk would. A blob that is not there is put there. */
  damage(key: string, bytes: Uint8Array): void {
    if (!this.#blobs.has(key)) this.#count(key, 1)
    this.#blobs.set(key, { bytes: Uint8Array.from(bytes), storedAtMs: this.#clock.nowMs(), isDamaged: true })
  }

  #enter(signal: AbortSignal | undefined): void {
    if (this.#isClosed) throw unavailable('object storage was closed')
    signal?.throwIfAborted()
  }

  #enterWrite(key: string, bytes: Uint8Array, signal: AbortSignal | undefined): void {
    checkKey(key)
    checkLength(bytes.length)
    this.#enter(signal)
    if (this.#below.has(`${key}/`) || prefixesOf(key).some((prefix) => this.#blobs.has(prefix.slice(0, -1)))) {
      throw keyCrossed(key)
    }
  }

  #store(key: string, bytes: Uint8Array): void {
    if (!this.#blobs.has(key)) this.#count(key, 1)
    this.#blobs.set(key, { bytes: Uint8Array.from(bytes), storedAtMs: this.#clock.nowMs(), isDamaged: false })
  }

  #count(key: string, by: number): void {
    for (const prefix of prefixesOf(key)) {
      const count = (this.#below.get(prefix) ?? 0) + by
      if (count === 0) this.#below.delete(prefix)
      else this.#below.set(prefix, count)
    }
  }
}

/** `a/`, `a/b/` of `a/b/c`. */
function prefixesOf(key: string): string[] {
  const prefixes: string[] = []
  for (let at = key.indexOf('/'); at !== -1; at = key.indexOf('/', at + 1)) prefixes.push(key.slice(0, at + 1))
  return prefixes
}
