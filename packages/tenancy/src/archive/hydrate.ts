/** Hydration: what is made of a snapshot on local disk. Nothing of it counts before the catalog names it (LEDGER D1). */
import { InvariantError } from '@tenax/kernel'
import { writeRestored } from '../files/restored-file.ts'
import type { Handle } from '../handle.ts'
import type { Manifest } from './manifest.ts'
import { readPages, type SnapshotReader } from './read-manifest.ts'

/**
 * Writes the file that a manifest describes to `path`, durably, when every chunk of it is the one that was stored and all pages
 * together come to the manifest's checksum. Of a failure no file is left.
 *
 * @throws SnapshotDamage; what the store or the disk fails with
 */
export async function restoreFile(reader: SnapshotReader, manifest: Manifest, path: string): Promise<void> {
  await writeRestored(path, (write) => readPages(reader, manifest, write))
}

/** Asks SQLite about a file that was just restored. What it says against it stops the tenant, and closes the handle. */
export async function proveSound(handle: Handle): Promise<void> {
  const complaint = await handle.file.quickCheck()
  if (complaint === undefined) return
  const error = await handle.examine(
    new InvariantError(`the restored file is damaged: ${complaint.split('\n')[0] ?? ''}`),
  )
  await handle.close('fenced')
  throw error
}
