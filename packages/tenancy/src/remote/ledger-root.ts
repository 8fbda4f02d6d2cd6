/**
 * Where the stored ledgers of a data directory begin: `roots/<data id>.json`, created once and never changed. Every other
 * ledger is named by the seal of the one before it (LEDGER O2).
 */
import { type BlobStore, type CallOptions, createOrRead } from '@tenax/blobstore'
import { isTenaxError, messageOf, TenaxError } from '@tenax/kernel'
import type { LedgerName } from '@tenax/ledger'
import { z } from 'zod'

/** What whoever has lost the data directory must know to begin. */
export interface LedgerRoot {
  readonly dataId: string
  readonly shardCount: number
  /** The first ledger that is stored. Each file is whole in it, or had a snapshot before it. */
  readonly first: LedgerName
  readonly createdAtMs: number
}

const PREFIX = 'roots/'
const NONCE = /^[a-z0-9]{20}$/

const Stored = z.strictObject({
  format: z.literal(1),
  dataId: z.string().regex(NONCE),
  shardCount: z.number().int().min(1),
  first: z.strictObject({ epoch: z.number().int().min(1), nonce: z.string().regex(NONCE) }),
  createdAtMs: z.number().int().nonnegative(),
})

const keyOf = (dataId: string) => `${PREFIX}${dataId}.json`

/** Leaves the root unless there is one, and gives the one that stands. */
export async function leaveRoot(store: BlobStore, root: LedgerRoot, options: CallOptions = {}): Promise<LedgerRoot> {
  const { dataId, shardCount, first, createdAtMs } = root
  const stored: z.infer<typeof Stored> = { format: 1, dataId, shardCount, first: { ...first }, createdAtMs }
  const bytes = new TextEncoder().encode(`${JSON.stringify(stored)}\n`)
  const outcome = await createOrRead(store, { key: keyOf(dataId), bytes, ...options })
  return outcome.owner === 'me' ? root : parsed(dataId, outcome.bytes)
}

/** @returns undefined when no ledger of that data directory is stored */
export async function readRoot(
  store: BlobStore,
  dataId: string,
  options: CallOptions = {},
): Promise<LedgerRoot | undefined> {
  try {
    return parsed(dataId, await store.get(keyOf(dataId), options))
  } catch (error) {
    if (isTenaxError(error, 'blob_not_found')) return undefined
    throw error
  }
}

function parsed(dataId: string, bytes: Uint8Array): LedgerRoot {
  try {
    const { format: _, ...root } = Stored.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
    if (root.dataId !== dataId) throw new Error(`it names the data directory ${root.dataId}`)
    return root
  } catch (error) {
    throw new TenaxError(
      'ledger_damaged',
      `the root of the stored ledgers of ${dataId} is damaged: ${messageOf(error)}`,
      {
        cause: error,
        hint: `restore ${keyOf(dataId)} from a copy of the store; nothing was changed`,
      },
    )
  }
}

/** Data directories whose ledgers are stored here, sorted; at most `limit`. */
export async function storedDataIds(store: BlobStore, limit: number, options: CallOptions = {}): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of store.list(PREFIX, options)) {
    const dataId = /^roots\/([a-z0-9]{20})\.json$/.exec(key)?.[1]
    if (dataId !== undefined) found.push(dataId)
    if (found.length >= limit) break
  }
  return found
}
