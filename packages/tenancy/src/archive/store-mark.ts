/**
 * The mark of a data directory in its object storage: whoever finds a store without it is at another one, such as the empty mount
 * point of a disk that is not there. What is missing in that says nothing of a tenant.
 */
import { type BlobStore, createOrRead } from '@tenax/blobstore'
import { isTenaxError, TenaxError } from '@tenax/kernel'

/** Whose mark. */
export interface MarkedStore {
  readonly store: BlobStore
  readonly dataId: string
}

const keyOf = (dataId: string) => `hosts/${dataId}.json`

/** Leaves the mark, if it is not there. */
export async function leaveMark({ store, dataId }: MarkedStore): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify({ format: 1, dataId })}\n`)
  await createOrRead(store, { key: keyOf(dataId), bytes })
}

/** @throws TenaxError `unavailable` when the mark is not there; what the store fails with */
export async function expectMark({ store, dataId }: MarkedStore): Promise<void> {
  try {
    await store.get(keyOf(dataId))
  } catch (error) {
    if (!isTenaxError(error, 'blob_not_found')) throw error
    throw new TenaxError('unavailable', 'this object storage is not the one where archived tenants are', {
      hint: 'mount its disk, or name the right directory, bucket and prefix',
    })
  }
}
