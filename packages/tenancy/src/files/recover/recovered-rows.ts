/**
 * What a recovery from object storage has found out about tenants that have no file for it: a list beside the catalogs, which the
 * first start carries out. The catalogs themselves stay as the stored ledgers have them: whatever changes one must be a commit in
 * a ledger, or the next recovery would miss it.
 */
import { readFileSync, rmSync } from 'node:fs'
import { type Incarnation, parseIncarnation, TenaxError } from '@tenax/kernel'
import { replaceFile, syncDirectory } from '@tenax/sqlite'
import { z } from 'zod'
import type { Catalog } from '../../catalog.ts'
import type { StoppedAtStart } from '../../durability/start.ts'
import { REASON_CHARS_MAX, RECOVERY_ROWS } from '../../limits.ts'
import type { Layout } from '../layout.ts'

/** A tenant as the catalog has it, and what became of it. */
export interface RecoveredRow {
  readonly shard: number
  readonly incarnation: Incarnation
  readonly file: string
  /** Whether it is in its last snapshot, whole. */
  readonly isArchived: boolean
  /** Why it is stopped; undefined when it is not. */
  readonly reason?: string | undefined
}

const Stored = z.strictObject({
  format: z.literal(1),
  rows: z.array(
    z.strictObject({
      shard: z.number().int().nonnegative(),
      incarnation: z.string(),
      file: z.string(),
      isArchived: z.boolean(),
      reason: z.string().max(REASON_CHARS_MAX).optional(),
    }),
  ),
})

/** Leaves the list for the first start. */
export function writeRecoveredRows(path: string, rows: readonly RecoveredRow[]): void {
  const cut = rows.map(({ reason, ...row }) =>
    reason === undefined ? row : { ...row, reason: reason.slice(0, REASON_CHARS_MAX) },
  )
  const stored: z.infer<typeof Stored> = { format: 1, rows: cut }
  replaceFile(path, Buffer.from(`${JSON.stringify(stored)}\n`))
}

/**
 * Carries the list out, before anybody is served, and removes it. May be begun again after a crash: a row that has moved on since
 * names another file. Gives the tenants that are stopped from now on.
 *
 * @throws TenaxError `data_format_invalid`
 */
export async function settleRecoveredRows(layout: Layout, catalogs: readonly Catalog[]): Promise<StoppedAtStart[]> {
  const rows = readRows(layout.recoveredRows)
  if (rows === undefined) return []
  const stopped = rows.flatMap((row) => stoppedBy(row, catalogs[row.shard]))
  for (const catalog of catalogs) {
    const own = rows.filter(({ shard }) => shard === catalog.shard)
    for (let at = 0; at < own.length; at += RECOVERY_ROWS) {
      await catalog.snapshots.settleRecovered(own.slice(at, at + RECOVERY_ROWS))
    }
  }
  rmSync(layout.recoveredRows)
  syncDirectory(layout.root)
  return stopped
}

function stoppedBy({ incarnation, file, reason }: RecoveredRow, catalog: Catalog | undefined): StoppedAtStart[] {
  const id = catalog?.tenantOf(incarnation)
  const record = id && catalog?.get(id)
  if (record === undefined || reason === undefined) return []
  if (record.file !== file || record.quarantineReason !== undefined) return []
  return [{ record, reason, entryCount: 0 }]
}

function readRows(path: string): RecoveredRow[] | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    return Stored.parse(JSON.parse(text)).rows.map((row) => ({ ...row, incarnation: incarnationOf(row.incarnation) }))
  } catch (error) {
    throw new TenaxError('data_format_invalid', 'recovered.json is not what Tenax writes', {
      cause: error,
      hint: 'recover from the store again, into another empty directory',
    })
  }
}

function incarnationOf(text: string): Incarnation {
  const incarnation = parseIncarnation(text)
  if (incarnation === undefined) throw new Error(`"${text}" names nobody`)
  return incarnation
}
