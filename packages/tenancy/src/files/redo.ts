/** Lays down, beside each file, the one log that brings it to where the ledgers say it was (LEDGER D2). */
import { crc32 } from 'node:zlib'
import type { RandomId } from '@tenax/kernel'
import { writeRedoWal } from '@tenax/sqlite'
import type { FileTail } from '../durability/ledger-tails.ts'
import { removeLog } from './tenant-files.ts'

/** Writes the log of the file at `path`. Its own log and index are worth nothing after a crash, and go first. */
export async function redoFile(path: string, tail: FileTail, randomId: RandomId): Promise<void> {
  removeLog(path)
  const salts = [crc32(randomId()), crc32(randomId())] as const
  await writeRedoWal(path, { pages: tail.pages, databasePages: tail.databasePages, salts })
}
