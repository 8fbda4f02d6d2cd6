/**
 * What becomes of one tenant when its data directory is made anew from object storage.
 *
 * | its entries              | its snapshot          | it                                                     |
 * |--------------------------|-----------------------|--------------------------------------------------------|
 * | none, or none behind it  | there                 | is archived: it comes back with its first use          |
 * | hold every page          | any                   | has its file                                           |
 * | hold some pages          | no older than they are | has its file: the other pages are those of the snapshot |
 * | any                      | missing, or older     | is stopped, with the reason                            |
 *
 * In the end the pages must come to the checksum of its last commit, if that commit knew one. A tenant that the ledgers have let go
 * of, and that has no newer snapshot, may have gone on without them: it has what is stored, and is stopped until somebody has looked.
 */
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { BlobStore } from '@tenax/blobstore'
import { checksumOfFile, PAGE_BYTES } from '@tenax/sqlite'
import { SnapshotDamage } from '../../archive/damage.ts'
import { readManifest, readPages } from '../../archive/read-manifest.ts'
import type { TenantRecord } from '../../catalog-rows.ts'
import type { SnapshotPlace } from '../../catalog-snapshots.ts'
import { writeAll } from '../restored-file.ts'
import type { ChainFile } from './chain-files.ts'

/** A tenant as its catalog has it, and what the stored ledgers have of it. */
export interface TenantToSettle {
  readonly record: TenantRecord
  readonly snapshot: SnapshotPlace | undefined
  readonly entries: ChainFile | undefined
  /** Where its file belongs. */
  readonly path: string
}

/** What became of it. */
export interface Settled {
  /** `nothing`: there is neither a whole snapshot nor a whole file. */
  readonly as: 'archived' | 'file' | 'nothing'
  /** Why it is stopped; undefined when it is not. */
  readonly reason?: string
}

/** Where its snapshot is read. */
export interface SettleContext {
  readonly store: BlobStore
  readonly signal: AbortSignal
}

/** Puts the tenant's file in its place, durably but for the names of directories above its own, if it is to have one. */
export async function settleTenant(context: SettleContext, tenant: TenantToSettle): Promise<Settled> {
  const { entries, snapshot } = tenant
  const doubt = doubtOf(tenant)
  if (snapshot !== undefined && (entries === undefined || isBehind(entries, snapshot))) {
    return { as: 'archived', ...doubt }
  }
  if (entries === undefined) return stopped('neither its commits nor a snapshot of it are in object storage')
  const file = await open(entries.path, 'r+')
  try {
    if (!entries.known.isWhole(entries.databasePages)) await fill(context, tenant, { entries, file })
    await file.truncate(entries.databasePages * PAGE_BYTES)
    await refuseWrongPages(entries, file)
    await file.sync()
  } catch (error) {
    if (error instanceof SnapshotDamage) return stopped(error.message)
    throw error
  } finally {
    await file.close()
  }
  await mkdir(dirname(tenant.path), { recursive: true, mode: 0o700 })
  await rename(entries.path, tenant.path)
  await syncName(dirname(tenant.path))
  return { as: 'file', ...doubt }
}

function stopped(message: string): Settled {
  return { as: 'nothing', reason: `not recovered from object storage: ${message}` }
}

function doubtOf({ record, entries, snapshot }: TenantToSettle): { readonly reason?: string } {
  if (entries?.isForgotten !== true || record.quarantineReason !== undefined) return {}
  if (snapshot !== undefined && snapshot.lsn > BigInt(entries.lsn)) return {}
  return {
    reason: `recovered from object storage as of commit ${entries.lsn}; the ledgers let go of it there, and later commits are not stored: resume it if this is all`,
  }
}

function isBehind({ lsn, lineage }: ChainFile, snapshot: SnapshotPlace): boolean {
  return snapshot.lsn > BigInt(lsn) || (snapshot.lsn === BigInt(lsn) && snapshot.lineage === lineage)
}

/** Takes the pages that the entries do not hold from the snapshot. */
async function fill(
  { store, signal }: SettleContext,
  { record, snapshot }: TenantToSettle,
  { entries, file }: { readonly entries: ChainFile; readonly file: FileHandle },
): Promise<void> {
  const { startsAt, gap, known, databasePages } = entries
  if (snapshot === undefined) {
    throw new SnapshotDamage(gap ?? `what commit ${entries.lsn} builds on is not there, nor is a snapshot`)
  }
  if (snapshot.lsn < BigInt(startsAt) - 1n) {
    throw new SnapshotDamage(
      `${gap ?? `its commits begin at ${startsAt}`}, and its last snapshot is of commit ${snapshot.lsn}`,
    )
  }
  const { id, incarnation } = record
  const manifest = await readManifest(store, { id, incarnation, place: snapshot }, signal)
  await readPages({ store, signal }, manifest, async (plain, offset) => {
    for (const { from, to } of unknownRuns(entries, offset / PAGE_BYTES + 1, plain.length / PAGE_BYTES)) {
      const at = (from - 1) * PAGE_BYTES
      await writeAll(file, plain.subarray(at - offset, to * PAGE_BYTES - offset), at)
      for (let number = from; number <= to; number += 1) known.add(number)
    }
  })
  if (!known.isWhole(databasePages)) throw new SnapshotDamage('its last snapshot and its commits leave pages out')
}

/** Pages that the entries do not hold, from `first` on, `count` of them looked at: first and last of each run. */
function unknownRuns({ known, databasePages }: ChainFile, first: number, count: number) {
  const runs: { from: number; to: number }[] = []
  for (let number = first; number < first + count && number <= databasePages; number += 1) {
    if (known.has(number)) continue
    const run = runs.at(-1)
    if (run?.to === number - 1) run.to = number
    else runs.push({ from: number, to: number })
  }
  return runs
}

/** Throws {@link SnapshotDamage} when the pages are not those of the last commit. */
export async function refuseWrongPages({ checksum, databasePages, lsn }: ChainFile, file: FileHandle): Promise<void> {
  if (checksum === undefined) return
  if ((await checksumOfFile(file.fd, databasePages)) === checksum) return
  throw new SnapshotDamage(`its pages do not come to the checksum of commit ${lsn}`)
}

async function syncName(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
