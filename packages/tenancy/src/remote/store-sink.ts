/** Where the objects of a ledger lie in object storage. */
import type { BlobStore } from '@tenax/blobstore'
import { isTenaxError } from '@tenax/kernel'
import type { SegmentSink } from '@tenax/ledger'

/** Which ledger of which data directory. */
export interface StoredLedgerName {
  readonly dataId: string
  readonly epoch: number
}

/** The stored objects of one ledger: `ledgers/<data id>/<epoch>/<id>.seg`, both numbers in 8 digits at least, so that they sort. */
export function storeSink(store: BlobStore, { dataId, epoch }: StoredLedgerName): SegmentSink {
  const keyOf = (id: number) => `ledgers/${dataId}/${digits(epoch)}/${digits(id)}.seg`
  return {
    async create(id, bytes) {
      try {
        await store.create(keyOf(id), bytes)
        return 'created'
      } catch (error) {
        if (isTenaxError(error, 'blob_exists')) return 'exists'
        throw error
      }
    },
    async read(id) {
      try {
        return await store.get(keyOf(id))
      } catch (error) {
        if (isTenaxError(error, 'blob_not_found')) return undefined
        throw error
      }
    },
  }
}

function digits(value: number): string {
  return String(value).padStart(8, '0')
}
