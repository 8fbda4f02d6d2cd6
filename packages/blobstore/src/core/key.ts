/**
 * What a key may look like. It becomes a path and a URL, on file systems that fold case and in prefixes of a bucket, so it is
 * parsed before anything is built from it: parts of `a`–`z`, `0`–`9`, `-`, `_` and `.`, which begin and end with a letter or
 * digit, joined by `/`. So no part is `.` or `..`, none is hidden, and the order of characters is the order of bytes.
 */
import { TenaxError } from '@tenax/kernel'
import type { ByteRange } from '../blob-store.ts'
import { BLOB_BYTES_MAX, KEY_BYTES_MAX, KEY_PART_BYTES_MAX, KEY_PARTS_MAX } from '../limits.ts'

const PART = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/

/** Whether `text` can be a part of a key. */
export function isKeyPart(text: string): boolean {
  return text.length <= KEY_PART_BYTES_MAX && PART.test(text)
}

/** Whether `text` is a key. */
export function isKey(text: string): boolean {
  if (text.length > KEY_BYTES_MAX) return false
  const parts = text.split('/')
  return parts.length <= KEY_PARTS_MAX && parts.every(isKeyPart)
}

/** @throws TenaxError `argument_invalid` when `key` is no key. Nothing is trimmed, folded or decoded. */
export function checkKey(key: string): void {
  if (typeof key === 'string' && isKey(key)) return
  throw new TenaxError('argument_invalid', 'not a key of object storage', {
    hint: `use up to ${KEY_PARTS_MAX} parts of a-z, 0-9, "-", "_" and ".", joined by "/"`,
  })
}

/** @throws TenaxError `argument_invalid` when `prefix` is neither empty nor a key with a `/` behind it. */
export function checkPrefix(prefix: string): void {
  if (typeof prefix === 'string' && (prefix === '' || (prefix.endsWith('/') && isKey(prefix.slice(0, -1))))) return
  throw new TenaxError('argument_invalid', 'not a prefix of keys', { hint: 'write whole parts, as in "ledgers/h1/"' })
}

/** @throws TenaxError `argument_invalid` when `range` names no bytes. */
export function checkRange(range: ByteRange | undefined): void {
  if (range === undefined) return
  const { offset, length } = range
  if (Number.isSafeInteger(offset + length) && Number.isSafeInteger(offset) && offset >= 0 && length >= 1) return
  throw new TenaxError('argument_invalid', 'not a range of bytes', {
    hint: 'give whole numbers, a length of 1 or more',
  })
}

/** @throws TenaxError `payload_too_large` when a blob of `lengthBytes` is over the limit. */
export function checkLength(lengthBytes: number): void {
  if (lengthBytes <= BLOB_BYTES_MAX) return
  throw new TenaxError('payload_too_large', 'too large for a blob', {
    hint: 'store it in pieces',
    details: { bytesMax: BLOB_BYTES_MAX },
  })
}
