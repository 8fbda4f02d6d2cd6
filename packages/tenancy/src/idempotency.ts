/**
 * Replies kept under the key of their request, in the tenant's own file and in the same commit as what the request wrote
 * (LEDGER F3). So whoever got no answer, or `outcome_unknown`, repeats the request with its key: it is done once.
 */
import { TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { IDEMPOTENCY_KEPT_MS, IDEMPOTENCY_PURGE_COUNT, IDEMPOTENT_REPLY_BYTES_MAX } from './limits.ts'

/** The name that a caller gave a request, and a hash of the request, so that a name is not used for another one. */
export interface IdempotencyKey {
  readonly key: string
  readonly requestHash: string
}

/** A reply as it was answered, and whether that was earlier. */
export interface KeyedReply {
  readonly status: number
  readonly reply: string
  readonly isReplay: boolean
}

/**
 * The reply that is kept under the key; undefined when there is none.
 *
 * @throws TenaxError `idempotency_key_reused`
 */
export function findReply(
  file: SqliteFile,
  { key, requestHash }: IdempotencyKey,
  nowMs: number,
): KeyedReply | undefined {
  const row = file
    .engine('SELECT request_hash, status, reply FROM tenax_idempotency WHERE key = ? AND created_at_ms > ?')
    .get([key, BigInt(nowMs - IDEMPOTENCY_KEPT_MS)])
  if (row === undefined) return undefined
  const [keptHash, status, reply] = row
  if (keptHash !== requestHash) {
    throw new TenaxError('idempotency_key_reused', 'the idempotency key was used for another request', {
      hint: 'use a new key for each request, and the same one only to repeat it unchanged',
    })
  }
  return { status: Number(status), reply: String(reply), isReplay: true }
}

/**
 * Keeps a reply inside the transaction that it answers, and lets a few go whose time is over.
 *
 * @throws TenaxError `reply_too_large`
 */
export function keepReply(file: SqliteFile, { key, requestHash }: IdempotencyKey, kept: KeptReply): void {
  if (Buffer.byteLength(kept.reply) > IDEMPOTENT_REPLY_BYTES_MAX) {
    throw new TenaxError(
      'reply_too_large',
      `a reply kept for its key has at most ${IDEMPOTENT_REPLY_BYTES_MAX} bytes`,
      {
        hint: 'nothing was written: return fewer rows, or send it without Idempotency-Key',
        details: { bytesMax: IDEMPOTENT_REPLY_BYTES_MAX },
      },
    )
  }
  file
    .engine(
      `DELETE FROM tenax_idempotency WHERE key IN (SELECT key FROM tenax_idempotency
         WHERE created_at_ms <= ? ORDER BY created_at_ms LIMIT ${IDEMPOTENCY_PURGE_COUNT})`,
    )
    .get([BigInt(kept.nowMs - IDEMPOTENCY_KEPT_MS)])
  file
    .engine('INSERT OR REPLACE INTO tenax_idempotency VALUES (?, ?, ?, ?, ?)')
    .get([key, requestHash, BigInt(kept.status), kept.reply, BigInt(kept.nowMs)])
}

interface KeptReply {
  readonly status: number
  readonly reply: string
  readonly nowMs: number
}
