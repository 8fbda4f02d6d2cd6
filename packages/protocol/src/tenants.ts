/** The shapes of `/v1`: what operating tenants sends and answers. */
import { z } from 'zod'
import { CURSOR_CHARS_MAX, LIST_TENANTS_DEFAULT, LIST_TENANTS_MAX } from './limits.ts'

/** Every state that the API shows, the strongest of a tenant's placement, suspension and quarantine. */
export const TENANT_STATES = [
  'creating',
  'warm',
  'archived',
  'hydrating',
  'importing',
  'restoring',
  'deleting',
  'suspended',
  'quarantined',
] as const

/** The state of a tenant. */
export const tenantStateSchema = z.enum(TENANT_STATES)

/** The state of a tenant, as a type. */
export type TenantState = z.output<typeof tenantStateSchema>

const time = z.iso.datetime().meta({ description: 'UTC, ISO 8601 with milliseconds' })

/** A tenant as the API shows it. */
export const tenantSchema = z.object({
  id: z.string().meta({ examples: ['acme'] }),
  incarnation: z.string().meta({ description: 'random, new at each creation of a tenant of this id' }),
  state: tenantStateSchema,
  createdAt: time,
  suspendedAt: time.nullable(),
  quarantineReason: z.string().nullable(),
  url: z.string().meta({ description: 'path of the tenant, for libSQL clients', examples: ['/t/acme/'] }),
})

/** A tenant as the API shows it, as a type. */
export type TenantResource = z.output<typeof tenantSchema>

/**
 * Body of `POST /v1/tenants`. The id's own rules are {@link parseTenantId} of kernel, so that a bad id answers
 * `tenant_id_invalid` and not `body_invalid`; the pattern here is documentation.
 */
export const createTenantBodySchema = z.object({
  id: z.string().meta({ pattern: '^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$', examples: ['acme'] }),
})

/** Body of `POST /v1/tenants`, as a type. */
export type CreateTenantBody = z.output<typeof createTenantBodySchema>

/** A whole number in a query string; anything that is not plain digits goes on unchanged and is refused. */
function digitsToNumber(text: unknown): unknown {
  return typeof text === 'string' && /^[0-9]{1,9}$/.test(text) ? Number(text) : text
}

/** Query string of `GET /v1/tenants`. */
export const listTenantsQuerySchema = z.object({
  limit: z.preprocess(
    digitsToNumber,
    z
      .int()
      .min(1)
      .max(LIST_TENANTS_MAX)
      .default(LIST_TENANTS_DEFAULT)
      .meta({ description: 'most tenants in the page' }),
  ),
  cursor: z
    .string()
    .min(1)
    .max(CURSOR_CHARS_MAX)
    .optional()
    .meta({ description: '`nextCursor` of the page before, unchanged' }),
  state: tenantStateSchema.optional().meta({ description: 'only tenants in this state' }),
  prefix: z
    .string()
    .regex(/^([a-z0-9][a-z0-9_-]{0,62})?$/)
    .optional()
    .meta({ description: 'only tenants whose id begins so' }),
})

/** Query string of `GET /v1/tenants`, as a type; `limit` has its default. */
export type ListTenantsQuery = z.output<typeof listTenantsQuerySchema>

/** A page of tenants, sorted by id. `nextCursor` is null on the last page. */
export const tenantPageSchema = z.object({ tenants: z.array(tenantSchema), nextCursor: z.string().nullable() })

/** A page of tenants, as a type. */
export type TenantPage = z.output<typeof tenantPageSchema>

/** What `DELETE /v1/tenants/:id` answers. */
export const deleteReceiptSchema = z.object({ id: z.string(), incarnation: z.string(), deletedAt: time })

/** What `DELETE /v1/tenants/:id` answers, as a type. */
export type DeleteReceipt = z.output<typeof deleteReceiptSchema>

const count = z.int().min(0)

/** Numbers of one tenant's file, and its position. */
export const tenantStatsSchema = z.object({
  id: z.string(),
  pageCount: count.meta({ description: 'pages in the database' }),
  pageBytes: count.meta({ description: 'bytes of one page' }),
  fileBytes: count.meta({ description: 'bytes of the main file on disk' }),
  walBytes: count.meta({ description: 'bytes of the WAL on disk' }),
  freePages: count.meta({ description: 'pages on the free list' }),
  pageCountMax: count.meta({ description: "the tenant's quota, in pages" }),
  lineage: z.string(),
  lsn: z
    .string()
    .regex(/^[0-9]+$/)
    .meta({ description: 'decimal, up to 64 bits' }),
  open: z.boolean().meta({ description: 'whether a handle is open' }),
})

/** Numbers of one tenant's file, as a type. */
export type TenantStats = z.output<typeof tenantStatsSchema>
