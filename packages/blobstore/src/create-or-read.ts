/** A create that answers whose blob there is, also to somebody who does not know any more whether it was he who made it. */
import { isTenaxError } from '@tenax/kernel'
import type { BlobStore, CallOptions } from './blob-store.ts'

/** Whose the blob under the key is: this caller's, or somebody else's with its bytes. Either is durable. */
export type CreateOutcome = { readonly owner: 'me' } | { readonly owner: 'other'; readonly bytes: Uint8Array }

/** What to create. The bytes must be the caller's alone: a nonce of its own is in them. */
export interface CreateRequest extends CallOptions {
  readonly key: string
  readonly bytes: Uint8Array
}

/**
 * Creates a blob. When the key is taken it is read back: own bytes are an earlier create of this caller's, whose reply was
 * lost, or that a process before this one has made (LEDGER O2). Safe to repeat after any failure.
 *
 * @throws TenaxError as `create` and `get`; `outcome_unknown` may have to be repeated for as long as the store is away.
 * `blob_not_found` when the blob was deleted between the two.
 * @example
 * const { owner } = await createOrRead(store, { key: 'ledgers/h1/7/00000042.seg', bytes: segment })
 */
export async function createOrRead(store: BlobStore, request: CreateRequest): Promise<CreateOutcome> {
  const { key, bytes, ...options } = request
  try {
    await store.create(key, bytes, options)
    return { owner: 'me' }
  } catch (error) {
    if (!isTenaxError(error, 'blob_exists')) throw error
  }
  const stored = await store.get(key, options)
  return Buffer.compare(stored, bytes) === 0 ? { owner: 'me' } : { owner: 'other', bytes: stored }
}
