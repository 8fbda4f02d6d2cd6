/** How a tenant file comes into being: from nothing, or rebuilt from a stranger's file. Neither path is live yet. */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { assert } from '@tenax/kernel'
import type { EngineConnection, EngineDriver } from './driver.ts'
import { MAINTENANCE_TIMEOUT_MS, PAGE_BYTES } from './limits.ts'
import { noteScratchClose } from './main-files.ts'
import { rebuildVectorIndexes } from './vector-index.ts'

/** The bytes of an empty tenant file that holds `schema`. `scratchPath` is used for making it and removed again. */
export function makeTemplate(driver: EngineDriver, scratchPath: string, schema: readonly string[]): Uint8Array {
  const connection = driver.open(scratchPath)
  try {
    shape(connection)
    for (const sql of schema) connection.prepare(sql).get()
    connection.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
    return readFileSync(scratchPath)
  } finally {
    connection.close()
    noteScratchClose()
    for (const suffix of ['', '-wal', '-shm']) rmSync(scratchPath + suffix, { force: true })
  }
}

function shape(connection: EngineConnection): void {
  for (const pragma of [`page_size = ${PAGE_BYTES}`, 'auto_vacuum = INCREMENTAL', 'journal_mode = WAL']) {
    connection.prepare(`PRAGMA ${pragma}`).get()
  }
}

/**
 * Writes `bytes` to a path that was never used, and makes both the file and its name durable. A crash leaves the whole
 * file or none under that path, and perhaps an unfinished one beside it, which the next try writes over.
 */
export function writeNewFile(path: string, bytes: Uint8Array): void {
  assert(!existsSync(path), 'a new file has a path that was never used')
  replaceFile(path, bytes)
}

/** Puts `bytes` under `path`, durably, whatever was there. A crash leaves the old or the new, whole. */
export function replaceFile(path: string, bytes: Uint8Array): void {
  const unfinished = `${path}.new`
  const descriptor = openSync(unfinished, 'w', 0o600)
  try {
    writeFileSync(descriptor, bytes)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(unfinished, path)
  syncDirectory(dirname(path))
}

/** Makes the names in a directory durable. */
export function syncDirectory(path: string): void {
  syncFile(path)
}

/** Only for files that no connection of this process has open: closing the descriptor drops the process's locks. */
function syncFile(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Copies the database behind `connection` to a path that was never used: 4 KiB pages, incremental vacuum, WAL mode,
 * synced. Whatever lies in free pages of the source stays behind. `finish` makes the last changes before it is live.
 */
export async function rebuildInto(
  connection: EngineConnection,
  driver: EngineDriver,
  target: { readonly path: string; readonly finish: (connection: EngineConnection) => void },
): Promise<void> {
  for (const pragma of [`page_size = ${PAGE_BYTES}`, 'auto_vacuum = INCREMENTAL'])
    connection.prepare(`PRAGMA ${pragma}`).get()
  await connection
    .prepare(`VACUUM INTO '${target.path.replaceAll("'", "''")}'`)
    .getOffThread([], MAINTENANCE_TIMEOUT_MS)
  syncFile(target.path)
  const rebuilt = driver.open(target.path)
  try {
    rebuilt.prepare('PRAGMA journal_mode = WAL').get()
    rebuildVectorIndexes(rebuilt)
    target.finish(rebuilt)
    rebuilt.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
  } finally {
    rebuilt.close()
  }
  syncDirectory(dirname(target.path))
}
