/**
 * A trial of a store before anybody relies on it. All safety of ledgers and manifests in object storage rests on `create`
 * (LEDGER O1): a store that accepts the condition and does not keep it loses acknowledged commits without a word, and there
 * are such stores.
 */
import { isTenaxError, type RandomId, TenaxError } from '@tenax/kernel'
import type { BlobStore, CallOptions } from './blob-store.ts'
import { PROBE_RACERS } from './limits.ts'

/** As {@link CallOptions}, and what makes the key that nobody else uses. */
export interface ProbeOptions extends CallOptions {
  readonly randomId: RandomId
}

/**
 * Resolves when the store keeps its promises: of 16 creates of one key at once one succeeds and its bytes are there, a create
 * after it is refused and changes nothing, a list names the blob, a delete removes it. Nothing is left, unless the store goes
 * away meanwhile: then a blob below `probe/`.
 *
 * @throws TenaxError `store_unfit`, whose `reason` names what the store did not keep; whatever else the store fails with
 * @example
 * await probeStore(store, { randomId })
 */
export async function probeStore(store: BlobStore, { randomId, ...options }: ProbeOptions): Promise<void> {
  const key = `probe/${randomId()}`
  try {
    const winner = await race(store, { key, options })
    await expectRefusal(store, { key, options })
    if ((await textAt(store, { key, options })) !== winner)
      throw unfit('bytes', 'does not keep the first blob of a key')
    await expectListed(store, { key, options })
  } finally {
    await store.delete(key, options)
  }
  const isGone = await refuses(store.get(key, options), 'blob_not_found')
  if (!isGone) throw unfit('delete', 'still has a blob that was deleted')
}

interface Trial {
  readonly key: string
  readonly options: CallOptions
}

/** The bytes of the one who wins, as text. */
async function race(store: BlobStore, { key, options }: Trial): Promise<string> {
  const names = Array.from({ length: PROBE_RACERS }, (_, index) => `racer ${index}`)
  const creates = names.map((name) => store.create(key, new TextEncoder().encode(name), options))
  const outcomes = await Promise.allSettled(creates)
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected' && !isTenaxError(outcome.reason, 'blob_exists')) throw outcome.reason
  }
  const winners = names.filter((_, index) => outcomes[index]?.status === 'fulfilled')
  const [winner] = winners
  if (winner === undefined || winners.length > 1) {
    throw unfit('race', `lets ${winners.length} of ${PROBE_RACERS} writers create one key at once`)
  }
  return winner
}

async function expectRefusal(store: BlobStore, { key, options }: Trial): Promise<void> {
  const second = store.create(key, new TextEncoder().encode('second'), options)
  if (!(await refuses(second, 'blob_exists'))) throw unfit('second_create', 'lets a key be created twice')
}

async function expectListed(store: BlobStore, { key, options }: Trial): Promise<void> {
  for await (const entry of store.list('probe/', options)) if (entry.key === key) return
  throw unfit('list', 'does not list a blob that is there')
}

async function textAt(store: BlobStore, { key, options }: Trial): Promise<string> {
  return new TextDecoder().decode(await store.get(key, options))
}

async function refuses(call: Promise<unknown>, code: 'blob_exists' | 'blob_not_found'): Promise<boolean> {
  try {
    await call
    return false
  } catch (error) {
    if (isTenaxError(error, code)) return true
    throw error
  }
}

function unfit(reason: string, what: string): TenaxError {
  return new TenaxError('store_unfit', `object storage ${what}`, {
    hint: 'use a store that keeps If-None-Match: * on PUT, or a directory on a file system with hard links',
    details: { reason },
  })
}
