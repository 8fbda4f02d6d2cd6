/**
 * Names of things. A tenant id becomes part of a path and of a key, so it is parsed here, once, before anything is built
 * from it; past this door its type says that it is safe.
 */
import { TenaxError } from './errors.ts'

declare const brand: unique symbol

/** A tenant's id that went through {@link parseTenantId}: lower-case ASCII letters, digits, `_`, `-`, 1 to 63 long. */
export type TenantId = string & { readonly [brand]: 'TenantId' }

/** Random and unique per creation of a tenant: delete and create again never meet old bytes. */
export type Incarnation = string & { readonly [brand]: 'Incarnation' }

/** Random and unique per unbroken history of a tenant's commits. */
export type Lineage = string & { readonly [brand]: 'Lineage' }

/** Makes ids that nobody can guess: 20 characters of `a`–`z` and `0`–`9`, over 100 random bits. */
export type RandomId = () => string

const TENANT_ID = /^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$/
const RANDOM_ID = /^[a-z0-9]{20}$/

/** Ids that a client URL without its final slash would post to (`/t/v2/pipeline`). */
export const RESERVED_TENANT_IDS: ReadonlySet<string> = new Set(['v1', 'v2', 'v3'])

/**
 * The tenant id in `text`. Nothing is trimmed, folded or decoded: what is not an id is refused.
 *
 * @throws TenaxError `tenant_id_invalid`, `tenant_id_reserved`
 */
export function parseTenantId(text: unknown): TenantId {
  if (typeof text !== 'string' || !TENANT_ID.test(text)) {
    throw new TenaxError('tenant_id_invalid', 'not a tenant id', {
      hint: 'use 1 to 63 characters a-z, 0-9, "_" or "-", beginning and ending with a letter or digit',
    })
  }
  if (RESERVED_TENANT_IDS.has(text)) {
    throw new TenaxError('tenant_id_reserved', `"${text}" is reserved`, { hint: 'choose another tenant id' })
  }
  return text as TenantId
}

/** The incarnation in `text`, as it stands in a catalog row or a directory name; undefined when it is not one. */
export function parseIncarnation(text: string): Incarnation | undefined {
  return RANDOM_ID.test(text) ? (text as Incarnation) : undefined
}

/** The lineage in `text`, as it stands in a tenant's file; undefined when it is not one. */
export function parseLineage(text: string): Lineage | undefined {
  return RANDOM_ID.test(text) ? (text as Lineage) : undefined
}
