/**
 * Manifests: what a snapshot of a tenant is, as plain JSON that a person with `zstd` and `cat` can restore from. The fields:
 * docs/reference/archive.md. A manifest is created once and never changed; whoever reads one trusts nothing of it that the catalog also knows.
 */
import {
  type Incarnation,
  type Lineage,
  parseIncarnation,
  parseLineage,
  parseTenantId,
  type TenantId,
} from '@tenax/kernel'
import { PAGE_BYTES } from '@tenax/sqlite'
import { z } from 'zod'
import { CHUNK_BYTES, MANIFEST_NUMBER_MAX } from '../limits.ts'
import { SnapshotDamage } from './damage.ts'

/** Format of manifests. */
export const MANIFEST_FORMAT = 1

/** One stored piece of the file. */
export interface ChunkRef {
  /** A random id of the attempt that stored it: part of its key, so that no key is ever used again. */
  readonly origin: string
  /** SHA-256 of the stored bytes, in hexadecimal: the rest of its key. */
  readonly hash: string
  /** Length of the stored bytes. */
  readonly bytes: number
}

/** Who made a manifest: a data directory, its ledger's epoch, and one life of a host. */
export interface ManifestWriter {
  readonly dataId: string
  readonly epoch: number
  readonly nonce: string
}

/** A snapshot of a tenant's main file at one position. */
export interface Manifest {
  readonly number: number
  readonly tenantId: TenantId
  readonly incarnation: Incarnation
  readonly lineage: Lineage
  readonly lsn: bigint
  /** What all pages come to (LEDGER X1). */
  readonly checksum: bigint
  readonly fileBytes: number
  readonly createdAtMs: number
  /** When somebody should look at the tenant next, as known then. */
  readonly wakeAtMs: number | undefined
  readonly writer: ManifestWriter
  /** In the order of the file: 1 MiB each before compression, the last one what is left. */
  readonly chunks: readonly ChunkRef[]
}

const count = z.number().int().nonnegative()
const decimal = z.string().regex(/^(0|[1-9]\d{0,18})$/)
const Stored = z.strictObject({
  format: z.literal(MANIFEST_FORMAT),
  number: count.min(1).max(MANIFEST_NUMBER_MAX),
  tenant: z.string(),
  incarnation: z.string(),
  lineage: z.string(),
  lsn: decimal,
  checksum: z.string().regex(/^[0-9a-f]{16}$/),
  pageBytes: z.literal(PAGE_BYTES),
  fileBytes: count.min(PAGE_BYTES).multipleOf(PAGE_BYTES),
  chunkBytes: z.literal(CHUNK_BYTES),
  createdAtMs: count,
  wakeAtMs: z.number().int().nullable(),
  writer: z.strictObject({ dataId: z.string(), epoch: count, nonce: z.string() }),
  cipher: z.null(),
  keyId: z.null(),
  chunks: z.array(
    z.strictObject({
      origin: z.string().regex(/^[a-z0-9]{20}$/),
      hash: z.string().regex(/^[0-9a-f]{64}$/),
      bytes: count.min(1),
    }),
  ),
})

/** The bytes of a manifest. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const { number, tenantId: tenant, incarnation, lineage, fileBytes, createdAtMs, writer, chunks } = manifest
  const stored: z.infer<typeof Stored> = {
    ...{ format: MANIFEST_FORMAT, number, tenant, incarnation, lineage, lsn: String(manifest.lsn) },
    ...{ checksum: manifest.checksum.toString(16).padStart(16, '0'), pageBytes: PAGE_BYTES, fileBytes },
    ...{ chunkBytes: CHUNK_BYTES, createdAtMs, wakeAtMs: manifest.wakeAtMs ?? null, writer, cipher: null, keyId: null },
    chunks: chunks.map(({ origin, hash, bytes }) => ({ origin, hash, bytes })),
  }
  return new TextEncoder().encode(`${JSON.stringify(stored, undefined, 1)}\n`)
}

/** Reads a manifest back. Throws {@link SnapshotDamage} when the bytes are none. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const stored = parsed(bytes)
  const [incarnation, lineage] = [parseIncarnation(stored.incarnation), parseLineage(stored.lineage)]
  if (incarnation === undefined || lineage === undefined) throw new SnapshotDamage('its manifest names nobody')
  const { number, fileBytes, createdAtMs, wakeAtMs, writer, chunks } = stored
  if (chunks.length !== Math.ceil(fileBytes / CHUNK_BYTES)) {
    throw new SnapshotDamage(`its manifest names ${chunks.length} chunks for ${fileBytes} bytes`)
  }
  return {
    ...{ number, tenantId: tenantOf(stored.tenant), incarnation, lineage, lsn: BigInt(stored.lsn) },
    ...{ checksum: BigInt(`0x${stored.checksum}`), fileBytes, createdAtMs, writer, chunks },
    wakeAtMs: wakeAtMs ?? undefined,
  }
}

function parsed(bytes: Uint8Array): z.infer<typeof Stored> {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new SnapshotDamage('its manifest is no JSON', { cause: error })
  }
  const result = Stored.safeParse(json)
  if (result.success) return result.data
  const { path = [], message = '' } = result.error.issues[0] ?? {}
  throw new SnapshotDamage(`its manifest is not of format ${MANIFEST_FORMAT}: ${path.join('.')} ${message}`)
}

function tenantOf(text: string): TenantId {
  try {
    return parseTenantId(text)
  } catch (error) {
    throw new SnapshotDamage('its manifest names no tenant', { cause: error })
  }
}
