/** The shapes of `/v1`: what operating tenants sends and answers. */
import { DURABILITY_CLASSES } from '@tenax/kernel'
import { z } from 'zod'
import {
  CURSOR_CHARS_MAX,
  DURABILITY_WAIT_MS,
  DURABILITY_WAIT_MS_MAX,
  LIST_TENANTS_DEFAULT,
  LIST_TENANTS_MAX,
} from './limits.ts'
import { digitsToNumber, wholeNumberSchema } from './text.ts'

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

/** When a write is acknowledged. */
export const durabilityClassSchema = z.enum(DURABILITY_CLASSES)

/** A tenant as the API shows it. */
export const tenantSchema = z.object({
  id: z.string().meta({ examples: ['acme'] }),
  incarnation: z.string().meta({ description: 'random, new at each creation of a tenant of this id' }),
  state: tenantStateSchema,
  createdAt: time,
  suspendedAt: time.nullable(),
  quarantineReason: z.string().nullable(),
  durability: durabilityClassSchema.nullable().meta({ description: "the tenant's own class; null: the server's" }),
  provenAt: time
    .nullable()
    .meta({ description: 'when a snapshot of it was last restored for a proof, and found sound' }),
  provenManifest: z.int().min(1).nullable().meta({ description: 'number of that snapshot' }),
  snapshotDamage: z
    .string()
    .nullable()
    .meta({ description: 'what such a proof has found wrong with its last snapshot' }),
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
  durability: durabilityClassSchema.nullish().meta({ description: "the tenant's own class; else the server's" }),
})

/** Body of `POST /v1/tenants`, as a type. */
export type CreateTenantBody = z.output<typeof createTenantBodySchema>

/** Body of `PATCH /v1/tenants/:id`: only what it names is changed. */
export const patchTenantBodySchema = z.object({
  durability: durabilityClassSchema.nullish().meta({ description: "null: the server's" }),
})

/** Body of `PATCH /v1/tenants/:id`, as a type. */
export type PatchTenantBody = z.output<typeof patchTenantBodySchema>

/** Query string of `GET /v1/tenants`. */
export const listTenantsQuerySchema = z.object({
  limit: z.preprocess(
    digitsToNumber,
    wholeNumberSchema(1, LIST_TENANTS_MAX)
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
export const deleteReceiptSchema = z.object({
  id: z.string(),
  incarnation: z.string(),
  deletedAt: time,
  remains: z
    .array(
      z.object({
        where: z.enum(['snapshots', 'local_ledger', 'stored_ledger']),
        until: time
          .nullable()
          .meta({ description: 'when bytes of the tenant are gone from there; null: no time is known' }),
        note: z.string().meta({ description: 'what is known, in words' }),
      }),
    )
    .meta({ description: 'where bytes of the tenant may still be; nobody is served of them' }),
})

/** What `DELETE /v1/tenants/:id` answers, as a type. */
export type DeleteReceipt = z.output<typeof deleteReceiptSchema>

const count = z.int().min(0)

/** What `POST /v1/tenants/:id/workflows/release` answers. */
export const releaseReceiptSchema = z.object({
  released: count.meta({ description: 'runs that were held or blocked, and go on' }),
})

/** What `POST /v1/tenants/:id/workflows/release` answers, as a type. */
export type ReleaseReceipt = z.output<typeof releaseReceiptSchema>

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

/** Body of `POST /v1/tenants/:id/fork`: the new tenant, and the snapshot that it is made of; without one, what the tenant has now. */
export const forkTenantBodySchema = z.object({
  id: z.string().meta({ examples: ['acme-before'] }),
  manifest: z.int().min(1).nullish().meta({ description: 'number of a snapshot; null: what the tenant has now' }),
})

/** Body of `POST /v1/tenants/:id/fork`, as a type. */
export type ForkTenantBody = z.output<typeof forkTenantBodySchema>

/** Body of `POST /v1/tenants/:id/restore`. */
export const restoreTenantBodySchema = z.object({
  manifest: z.int().min(1).meta({ description: 'number of the snapshot that the tenant is to be as' }),
})

/** Body of `POST /v1/tenants/:id/restore`, as a type. */
export type RestoreTenantBody = z.output<typeof restoreTenantBodySchema>

/** What `POST /v1/tenants/:id/restore` answers: the tenant, and what was replaced. */
export const restoredTenantSchema = tenantSchema.extend({
  replacedManifest: z.int().min(1).nullable().meta({
    description: 'snapshot of what was replaced; null: it was quarantined, and its file stays beside the new one',
  }),
})

/** What `POST /v1/tenants/:id/restore` answers, as a type. */
export type RestoredTenant = z.output<typeof restoredTenantSchema>

/** One snapshot of a tenant in object storage. */
export const snapshotSchema = z.object({
  manifest: z.int().min(1).meta({ description: 'its number' }),
  lineage: z.string(),
  lsn: z.string().meta({ description: 'number of the last commit in it, decimal' }),
  createdAt: time,
  fileBytes: count.meta({ description: 'bytes of the file that it describes' }),
  storedBytes: count.meta({ description: 'bytes of its chunks in object storage, shared with other snapshots or not' }),
})

/** What `POST /v1/tenants/:id/verify` answers: the tenant's last snapshot was restored to a scratch file, and is sound. */
export const snapshotProofSchema = z.object({
  id: z.string(),
  manifest: z.int().min(1).meta({ description: 'number of the snapshot' }),
  provenAt: time,
  fileBytes: count.meta({ description: 'bytes of the restored file' }),
  durationMs: z.number().min(0),
})

/** What `POST /v1/tenants/:id/verify` answers, as a type. */
export type SnapshotProof = z.output<typeof snapshotProofSchema>

/** What `GET /v1/tenants/:id/snapshots` answers: newest first. */
export const snapshotListSchema = z.object({ snapshots: z.array(snapshotSchema) })

/** What `GET /v1/tenants/:id/snapshots` answers, as a type. */
export type SnapshotList = z.output<typeof snapshotListSchema>

/** Query string of `GET /v1/tenants/:id/durability`. */
export const durabilityQuerySchema = z.object({
  wait_lsn: z
    .string()
    .regex(/^[a-z0-9]{1,64}\.[0-9]{1,19}$/)
    .optional()
    .meta({ description: 'wait for this commit: `Tenax-LSN` of a reply, unchanged' }),
  class: durabilityClassSchema.default('local').meta({ description: 'the class that it shall have' }),
  timeout_ms: z.preprocess(
    digitsToNumber,
    wholeNumberSchema(0, DURABILITY_WAIT_MS_MAX)
      .default(DURABILITY_WAIT_MS)
      .meta({ description: 'longest wait, in milliseconds' }),
  ),
})

/** Query string of `GET /v1/tenants/:id/durability`, as a type; `class` and `timeout_ms` have their defaults. */
export type DurabilityQuery = z.output<typeof durabilityQuerySchema>

const lsn = z.string().regex(/^[0-9]+$/)

/** How far a tenant's commits are. */
export const tenantDurabilitySchema = z.object({
  lineage: z.string(),
  committed: lsn.meta({ description: 'number of the last commit' }),
  local: lsn.meta({ description: 'number of the last commit that is fsynced, and all before it' }),
  remote: lsn.nullable().meta({ description: 'as local, in object storage; null without one' }),
  waited: z
    .enum(['reached', 'timeout', 'lost'])
    .nullable()
    .meta({ description: '`lost`: that history has ended; null: nothing was waited for' }),
})

/** How far a tenant's commits are, as a type. */
export type TenantDurability = z.output<typeof tenantDurabilitySchema>
