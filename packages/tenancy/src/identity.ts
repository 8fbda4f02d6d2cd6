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

/** A tenant file's identity: its creation, its unbroken history, and the commits it has seen. */
export interface TenantMeta {
  readonly incarnation: Incarnation
  readonly lineage: Lineage
}

/**
 * Reads the identity of a file that the catalog knows as `incarnation`, and gives a new file its own.
 *
 * @throws TenaxError `data_format_newer`; InvariantError when the file is another tenant's
 */
export function identify(file: SqliteFile, incarnation: Incarnation, randomId: RandomId): TenantMeta {
  const row = file.engine('SELECT format, incarnation, lineage FROM tenax_meta WHERE id = 1').get()
  const [format, written, lineageText] = row ?? []
  assert(typeof format === 'bigint', 'a tenant file has its tenax_meta row')
  if (format > BigInt(TENANT_FORMAT)) {
    throw new TenaxError(
      'data_format_newer',
      `the tenant's file has format ${format}; this Tenax knows ${TENANT_FORMAT}`,
      {
        hint: 'use a newer Tenax',
      },
    )
  }
  if (written === '') return writeIdentity(file, incarnation, randomId)
  assert(parseIncarnation(String(written)) === incarnation, 'the file is of the incarnation that the catalog names')
  const lineage = parseLineage(String(lineageText))
  assert(lineage !== undefined, 'a tenant file has a lineage')
  return { incarnation, lineage }
}

function writeIdentity(file: SqliteFile, incarnation: Incarnation, randomId: RandomId): TenantMeta {
  const lineage = parseLineage(randomId())
  assert(lineage !== undefined, 'random ids are lineages')
  const update = file.engine('UPDATE tenax_meta SET incarnation = ?, lineage = ?, lsn = lsn + 1 WHERE id = 1')
  try {
    file.transaction(() => update.get([incarnation, lineage]))
  } catch (error) {
    throw hostFailure(error) // a full disk says nothing about this tenant
  }
  return { incarnation, lineage }
}

/** The number of commits that the file has seen in its life. */
export function readLsn(file: SqliteFile): bigint {
  const [lsn] = file.engine('SELECT lsn FROM tenax_meta WHERE id = 1').get() ?? []
  assert(typeof lsn === 'bigint', 'the LSN is an integer')
  return lsn
}
