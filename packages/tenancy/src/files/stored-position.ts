/**
 * What a data directory remembers of its stored ledgers: `ledgers/stored.json`. It is behind what is stored, never ahead, and may
 * say too much of what this directory's hosts have begun: the store itself decides (LEDGER O2).
 */
import { readFileSync } from 'node:fs'
import { TenaxError } from '@tenax/kernel'
import type { LedgerName, StoredAt } from '@tenax/ledger'
import { replaceFile } from '@tenax/sqlite'
import { z } from 'zod'
import { OWN_LEDGERS_MAX } from '../limits.ts'

/** Where the stored ledgers of a data directory go on. */
export interface StoredPosition {
  /** A ledger of this directory that the store has begun with, or whose seal names the next one; undefined before the first. */
  readonly open: LedgerName | undefined
  /** Where to go on inside of it. Default: object 0. */
  readonly at?: StoredAt | undefined
  /** When that was so. */
  readonly atMs: number
  /** Ledgers of this directory that seals behind `open` may name, oldest first: each is here before a seal may name it. */
  readonly own: readonly LedgerName[]
}

const Name = z.strictObject({ epoch: z.number().int().min(1), nonce: z.string().regex(/^[a-z0-9]{20}$/) })
const count = z.number().int().nonnegative()
const At = z.strictObject({
  id: count,
  previousHash: z.string().regex(/^[0-9a-f]{16}$/),
  firstBatch: count.min(1),
  lastSeq: count,
})
const Stored = z.strictObject({
  format: z.literal(1),
  open: Name.nullable(),
  at: At.nullable(),
  atMs: count,
  own: z.array(Name).max(OWN_LEDGERS_MAX),
})

/** @returns undefined when the directory was never with a store. Throws TenaxError `data_format_invalid`. */
export function readStoredPosition(path: string): StoredPosition | undefined {
  const text = textOf(path)
  if (text === undefined) return undefined
  const stored = parsed(text)
  const at = stored.at === null ? undefined : { ...stored.at, previousHash: BigInt(`0x${stored.at.previousHash}`) }
  return { open: stored.open ?? undefined, at, atMs: stored.atMs, own: stored.own }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function parsed(text: string): z.infer<typeof Stored> {
  try {
    return Stored.parse(JSON.parse(text))
  } catch (error) {
    throw new TenaxError('data_format_invalid', 'ledgers/stored.json is not what Tenax writes', {
      cause: error,
      hint: 'restore it from a copy of the data directory, or recover from the store into an empty one',
    })
  }
}

/** Replaces it, durably. Of `own` the newest are kept. */
export function writeStoredPosition(path: string, { open, at, atMs, own }: StoredPosition): void {
  const stored: z.infer<typeof Stored> = {
    ...{ format: 1, open: open === undefined ? null : nameOf(open), atMs: Math.max(0, atMs) },
    at: at === undefined ? null : { ...at, previousHash: at.previousHash.toString(16).padStart(16, '0') },
    own: own.slice(-OWN_LEDGERS_MAX).map(nameOf),
  }
  replaceFile(path, Buffer.from(`${JSON.stringify(stored)}\n`))
}

function nameOf({ epoch, nonce }: LedgerName): LedgerName {
  return { epoch, nonce }
}
