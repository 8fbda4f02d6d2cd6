/** Who a tenant file is: read on open, written when the file is new, checked against the catalog that names it. */
import {
  assert,
  type Incarnation,
  type Lineage,
  parseIncarnation,
  parseLineage,
  type RandomId,
  TenaxError,
} from '@tenax/kernel'
import { hostFailure, type SqliteFile } from '@tenax/sqlite'
import { TENANT_FORMAT } from './tenant-schema.ts'

/** A tenant file's identity: its creation, and its unbroken history. */
export interface TenantMeta {
  readonly incarnation: Incarnation
  readonly lineage: Lineage
}

/** What a file says of itself. A new one has no lineage yet. */
export interface FoundIdentity {
  readonly lineage: Lineage | undefined
  /** The ledger epoch under which the lineage was given. */
  readonly epoch: number
  readonly lsn: bigint
}

/**
 * Reads the identity of a file that the catalog knows as `incarnation`.
 *
 * @throws TenaxError `data_format_newer`; InvariantError when the file is another tenant's
 */
export function readIdentity(file: SqliteFile, incarnation: Incarnation): FoundIdentity {
  const row = file.engine('SELECT format, incarnation, lineage, epoch, lsn FROM tenax_meta WHERE id = 1').get()
  const [format, written, lineageText, epoch, lsn] = row ?? []
  assert(typeof format === 'bigint', 'a tenant file has its tenax_meta row')
  if (format > BigInt(TENANT_FORMAT)) {
    throw new TenaxError(
      'data_format_newer',
      `the tenant's file has format ${format}; this Tenax knows ${TENANT_FORMAT}`,
      { hint: 'use a newer Tenax' },
    )
  }
  assert(typeof lsn === 'bigint' && typeof epoch === 'bigint', 'LSN and epoch are integers')
  if (written === '') return { lineage: undefined, epoch: 0, lsn }
  assert(parseIncarnation(String(written)) === incarnation, 'the file is of the incarnation that the catalog names')
  const lineage = parseLineage(String(lineageText))
  assert(lineage !== undefined, 'a tenant file has a lineage')
  return { lineage, epoch: Number(epoch), lsn }
}

/** A lineage that never was. */
export function newLineage(randomId: RandomId): Lineage {
  const lineage = parseLineage(randomId())
  assert(lineage !== undefined, 'random ids are lineages')
  return lineage
}

/** Names the file, as a commit: from here on its history is `lineage`, given under the ledger `epoch`. */
export function writeIdentity(file: SqliteFile, { incarnation, lineage }: TenantMeta, epoch: number): void {
  const update = file.engine(
    'UPDATE tenax_meta SET incarnation = ?, lineage = ?, epoch = ?, lsn = lsn + 1 WHERE id = 1',
  )
  try {
    file.transaction(() => update.get([incarnation, lineage, BigInt(epoch)]))
  } catch (error) {
    throw hostFailure(error) // a full disk says nothing about this tenant
  }
}

/** The number of commits that the file has seen in its life. */
export function readLsn(file: SqliteFile): bigint {
  const [lsn] = file.engine('SELECT lsn FROM tenax_meta WHERE id = 1').get() ?? []
  assert(typeof lsn === 'bigint', 'the LSN is an integer')
  return lsn
}
