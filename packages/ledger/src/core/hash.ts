/** The ledger's one hash: XXH64, native, some 10 GB/s. It finds accidents; it is no defence against a forger. */
import { xxh64 } from '@node-rs/xxhash'

/** XXH64 of `bytes` with `seed`, as an unsigned 64-bit integer. */
export function hash64(bytes: Uint8Array, seed = 0n): bigint {
  return xxh64(bytes, seed)
}

/**
 * The seed of every batch hash of the ledger with this nonce. Batches of another ledger fail their hash, and so do bytes
 * that a tenant stored to look like a batch: it cannot know the nonce.
 */
export function batchSeed(nonce: string): bigint {
  return xxh64(nonce)
}
