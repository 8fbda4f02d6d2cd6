/** Lives of a host over one store: each ends as with kill -9 at some call of the store, and the next begins from the files as they were. */
import { cpSync } from 'node:fs'
import type { BlobStore } from '@tenax/blobstore'
import { TenaxError } from '@tenax/kernel'
import type { Tenancy, TenancyEvent } from '@tenax/tenancy'
import { openHost } from '../host.ts'

/** One life. */
export interface Life {
  readonly tenancy: Tenancy
  /** True when it has been killed: what it answers from then on nobody has heard. */
  readonly isKilled: () => boolean
  /** Lets go of what the life has open; its files are nobody's any more. */
  readonly bury: () => Promise<void>
}

/** What a life is made of. */
export interface LifeOptions {
  readonly dataPath: string
  /** Where the next life begins. */
  readonly nextPath: string
  readonly store: BlobStore
  /** The same store without its faults: where a start tries what a store can do. */
  readonly calm: BlobStore
  /** The call of the store at which it is killed. */
  readonly callsMax: number
  readonly onEvent: (event: TenancyEvent) => void
}

/** Begins a life. */
export async function beginLife({ dataPath, nextPath, store, calm, callsMax, onEvent }: LifeOptions): Promise<Life> {
  let calls = 0
  let isKilled = false
  const count = () => {
    calls += 1
    if (calls === callsMax) {
      // All at one instant: what was written is in the files, what was about to be is not.
      cpSync(dataPath, nextPath, { recursive: true })
      isKilled = true
    }
    if (isKilled) throw new TenaxError('unavailable', 'this life is over')
  }
  const tenancy = await openHost({
    ...{ dataPath, handlesMax: 4, shardCount: 2, store: mortal({ store, calm }, count), waitMsMax: 60_000 },
    onEvent: (event) => {
      if (!isKilled) onEvent(event)
    },
  })
  return { tenancy, isKilled: () => isKilled, bury: () => tenancy.close() }
}

/**
 * `store`, whose every call is counted before and after it is done: a kill may fall on either side. The trial at a start goes to the
 * calm one, uncounted: one that is killed inside its trial leaves a blob of that.
 */
function mortal({ store, calm }: Pick<LifeOptions, 'store' | 'calm'>, count: () => void): BlobStore {
  const call = async <T>(key: string, work: (to: BlobStore) => Promise<T>): Promise<T> => {
    if (key.startsWith(TRIAL) || key.startsWith('hosts/')) return work(calm)
    count()
    const result = await work(store)
    count()
    return result
  }
  return {
    name: store.name,
    get: (key, options) => call(key, (to) => to.get(key, options)),
    create: (key, bytes, options) => call(key, (to) => to.create(key, bytes, options)),
    put: (key, bytes, options) => call(key, (to) => to.put(key, bytes, options)),
    delete: (key, options) => call(key, (to) => to.delete(key, options)),
    async *list(prefix, options) {
      if (prefix === TRIAL) yield* calm.list(prefix, options)
      else {
        count()
        yield* store.list(prefix, options)
        count()
      }
    },
    close: () => store.close(),
  }
}

const TRIAL = 'probe/'
