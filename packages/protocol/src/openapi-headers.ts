/** The headers of a tenant's own routes, as OpenAPI has them. */

const CLASS = { $ref: '#/components/schemas/DurabilityClass' }

/** Raises the class of one reply. */
export const durabilityParameter = {
  name: 'Tenax-Durability',
  in: 'header',
  schema: CLASS,
  description: "raises the tenant's class for this reply; a lower one is ignored",
}

/** Names a request, so that it may be sent again. */
export const keyParameter = {
  name: 'Idempotency-Key',
  in: 'header',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
  description: 'a request that is repeated with its key is done once, for 7 days',
}

/** A reply behind the gate says what it promises, and for what. */
export function answered<Content extends object>(
  content: Content,
): Content & { readonly headers: Record<string, object> } {
  const headers = {
    'Tenax-Durability': { schema: CLASS, description: 'the class used' },
    'Tenax-LSN': { schema: { type: 'string' }, description: '`<lineage>.<lsn>`: the position that the reply saw' },
  }
  return { ...content, headers }
}
