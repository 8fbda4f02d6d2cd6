/** Lays down, beside each file, the one log that brings it to where the ledgers say it was (LEDGER D2). */
import { rmSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import type { RandomId } from '@tenax/kernel'
import { writeRedoWal } from '@tenax/sqlite'
import type { FileTail } from '../durability/ledger-tails.ts'

/** Writes the log of the file at `path`. Its own log and index are worth nothing after a crash, and go first. */
export async function redoFile(path: string, tail: FileTail, randomId: RandomId): Promise<void> {
  removeLog(path)
  const salts = [crc32(randomId()), crc32(randomId())] as const
  await writeRedoWal(path, { pages: tail.pages, databasePages: tail.databasePages, salts })
}

/** Removes the log and its index beside a file that nobody has open. */
export function removeLog(path: string): void {
  for (const suffix of ['-wal', '-shm', '-wal.new']) rmSync(`${path}${suffix}`, { force: true })
}
