/**
 * A store that is walked through: objects that are known to be there are fetched some at a time before the walk comes to them, and
 * no seal is tried in their place. Both change nothing but the time that it takes: an object is never removed or changed.
 */
import type { BlobStore } from '@tenax/blobstore'
import { TenaxError } from '@tenax/kernel'
import { RECOVERY_READS_AHEAD } from '../../limits.ts'
import { objectKey, parseObjectKey, type StoredCounts } from './stored-inventory.ts'

/** `store`, of which `counts` says how many objects each ledger has from 0 on. */
export function readAhead(store: BlobStore, dataId: string, counts: StoredCounts): BlobStore {
  const ahead = new Map<string, Promise<Uint8Array>>()
  const isKnown = ({ epoch, id }: { epoch: number; id: number }) => id < (counts.get(epoch) ?? 0)
  const fetchFrom = ({ epoch, id }: { epoch: number; id: number }) => {
    for (let next = id; next <= id + RECOVERY_READS_AHEAD && isKnown({ epoch, id: next }); next += 1) {
      const key = objectKey(dataId, { epoch, id: next })
      if (ahead.has(key)) continue
      const fetched = store.get(key)
      fetched.catch(() => undefined) // who comes to it hears of it
      ahead.set(key, fetched)
    }
  }
  return {
    ...store,
    async create(key, bytes, options) {
      const place = parseObjectKey(key)
      if (place === undefined || !isKnown(place)) return store.create(key, bytes, options)
      throw new TenaxError('blob_exists', 'the key is taken')
    },
    async get(key, options) {
      const place = parseObjectKey(key)
      if (place === undefined || !isKnown(place)) return store.get(key, options)
      fetchFrom(place)
      const fetched = ahead.get(key) ?? store.get(key, options)
      ahead.delete(key)
      return fetched
    },
  }
}
