/** One object on its way into object storage, until it is there or somebody else's is (LEDGER O2). */
import { type Clock, isTenaxError, sleep } from '@tenax/kernel'
import type { SegmentSink } from '../segment-sink.ts'
import { decodeStored } from './stored-object.ts'

/** What came of it. `taken` says by whom: this ledger has another writer, or was ended. */
export type PutEnd = 'stored' | 'given up' | { readonly taken: string }

/** An object, and how it is tried again. */
export interface Put {
  readonly sink: SegmentSink
  readonly clock: Clock
  readonly id: number
  readonly bytes: Uint8Array
  readonly retryMsMin: number
  readonly retryMsMax: number
  readonly isGivenUp: () => boolean
  readonly onFailure: (error: unknown) => void
}

/** Stores it, however often that fails. After an unknown outcome it is read back first: own bytes are stored. */
export async function putObject(put: Put): Promise<PutEnd> {
  let mayBeThere = false
  for (let pauseMs = put.retryMsMin; !put.isGivenUp(); pauseMs = Math.min(pauseMs * 2, put.retryMsMax)) {
    try {
      if (!mayBeThere && (await put.sink.create(put.id, put.bytes)) === 'created') return 'stored'
      const found = await put.sink.read(put.id)
      if (found !== undefined) return whose(found, put.bytes)
      mayBeThere = false
    } catch (error) {
      mayBeThere ||= !isTenaxError(error, 'unavailable')
      put.onFailure(error)
    }
    await sleep(put.clock, pauseMs)
  }
  return 'given up'
}

function whose(found: Uint8Array, own: Uint8Array): PutEnd {
  if (Buffer.compare(found, own) === 0) return 'stored'
  const object = decodeStored(found)
  if (typeof object === 'string') return { taken: `an object that is ${object}` }
  const { successor, nonce } = object
  if (successor === undefined) return { taken: `an object of the ledger ${nonce}` }
  return { taken: `a seal: epoch ${successor.epoch}, ledger ${successor.nonce}, goes on` }
}
