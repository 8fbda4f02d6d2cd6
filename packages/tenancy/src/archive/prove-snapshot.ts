/**
 * The proof that a snapshot can be restored: it is, to a scratch file, which nobody serves. Every chunk by its hash, all pages by
 * the manifest's checksum, then SQLite's own check of the whole database, on a thread of the engine.
 */
import {
  COMPLAINTS_MAX,
  collectClosed,
  damageIn,
  type EngineConnection,
  type EngineDriver,
  EngineError,
  INTEGRITY_CHECK_SQL,
  isDamage,
  noteScratchClose,
} from '@tenax/sqlite'
import { removeProofFile, writeProofFile } from '../files/proof-file.ts'
import { PROOF_CHECK_MS_MAX } from '../limits.ts'
import { SnapshotDamage } from './damage.ts'
import type { Manifest } from './manifest.ts'
import { readPages, type SnapshotReader } from './read-manifest.ts'

/** Where a proof is made. `path` was never used; nothing is left of it, or beside it. */
export interface ProofPlace {
  readonly driver: EngineDriver
  readonly path: string
}

/** Bytes 18 and 19 of the header say how the file is journaled; 1 keeps SQLite from making a log beside the scratch file. */
const JOURNAL_OFFSET = 18

/**
 * Restores the snapshot that `manifest` describes, checks it, and removes it again.
 *
 * @throws SnapshotDamage naming what is wrong; what the store or the disk fails with, which says nothing of the snapshot
 */
export async function proveSnapshot(reader: SnapshotReader, manifest: Manifest, place: ProofPlace): Promise<void> {
  try {
    await writeProofFile(place.path, (write) =>
      readPages(reader, manifest, (plain, offset) => {
        if (offset === 0) plain.fill(1, JOURNAL_OFFSET, JOURNAL_OFFSET + 2)
        return write(plain, offset)
      }),
    )
    reader.signal.throwIfAborted()
    await checkDatabase(manifest, place)
  } finally {
    await removeProofFile(place.path)
  }
}

async function checkDatabase(manifest: Manifest, { driver, path }: ProofPlace): Promise<void> {
  const connection = driver.open(path)
  try {
    connection.prepare('PRAGMA trusted_schema = OFF').get()
    connection.prepare('PRAGMA cell_size_check = ON').get()
    await checkIntegrity(connection)
    checkIdentity(connection, manifest)
  } catch (error) {
    throw isFault(error) ? new SnapshotDamage(`SQLite cannot read it: ${error.message}`, { cause: error }) : error
  } finally {
    connection.close()
    noteScratchClose()
    await collectClosed() // a descriptor keeps the disk space until it is collected
  }
}

/** What says something of the database, and not of the machine: a table that is not there, or bytes that are no database. */
function isFault(error: unknown): error is EngineError {
  return error instanceof EngineError && (isDamage(error) || error.sqliteCode === 'SQLITE_ERROR')
}

async function checkIntegrity(connection: EngineConnection): Promise<void> {
  const statement = connection.prepare(INTEGRITY_CHECK_SQL)
  const complaint = damageIn(await statement.allOffThread([], PROOF_CHECK_MS_MAX, COMPLAINTS_MAX))
  if (complaint !== undefined) throw new SnapshotDamage(`integrity_check: ${complaint}`)
}

function checkIdentity(connection: EngineConnection, { incarnation, number }: Manifest): void {
  const row = connection.prepare('SELECT CAST(incarnation AS BLOB) FROM tenax_meta WHERE id = 1').get()
  if (textOf(row?.[0]) !== incarnation) throw new SnapshotDamage(`manifest ${number} describes another tenant's file`)
}

function textOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : ''
}
