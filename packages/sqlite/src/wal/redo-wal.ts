/**
 * Lays a log beside a main file, so that SQLite's own recovery redoes what the ledger holds when the file is opened next
 * (LEDGER D2). The main file may be torn in any way: every page that changed since its last fsync is in the log, and readers
 * take it from there.
 */
import { existsSync, statSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { assert } from '@tenax/kernel'
import { PAGE_BYTES } from '../limits.ts'
import { syncDirectory } from '../new-file.ts'
import type { CapturedPage } from './capture.ts'
import { BLOCK_FRAMES_MAX } from './frame-block.ts'
import {
  type ChainSum,
  FRAME_BYTES,
  FRAME_HEADER_BYTES,
  LOCK_PAGE_NUMBER,
  sealFrame,
  WAL_HEADER_BYTES,
  type WalMemory,
  type WalSalts,
  walMemory,
  writeWalHeader,
} from './wal-format.ts'

/** What a redo log holds: one transaction. */
export interface RedoLog {
  /** At least one, each at most once, none beyond `databasePages`. A page's bytes are copied before the next is asked for. */
  readonly pages: Iterable<CapturedPage> | AsyncIterable<CapturedPage>
  /** Pages of the database after it; fewer than the main file has cut that off at the next checkpoint. */
  readonly databasePages: number
  /** Two random words, never used for this file before, so that no frame of another log can be taken for one of this. */
  readonly salts: WalSalts
}

/**
 * Writes `<path>-wal` under a temporary name, syncs it, gives it its name, and syncs the directory. No process has the file
 * at `path` open; its former `-wal` and `-shm` are gone. A crash leaves the whole log or none.
 *
 * @throws InvariantError when a log or its index is there already, or the main file is empty (SQLite would delete the log)
 * @example
 * await writeRedoWal(path, { pages: lastImages, databasePages: 17, salts: [random(), random()] })
 */
export async function writeRedoWal(path: string, redo: RedoLog): Promise<void> {
  assert(!existsSync(`${path}-wal`) && !existsSync(`${path}-shm`), 'the former log and its index are removed first')
  // SQLite takes a file of one byte for an empty one, and deletes a log that it finds beside it.
  assert(statSync(path).size > 1, 'a log is redone onto a main file that is not empty')
  const unfinished = `${path}-wal.new`
  const file = await open(unfinished, 'w', 0o600)
  try {
    await writeFrames(file, redo)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(unfinished, `${path}-wal`)
  syncDirectory(dirname(path))
}

async function writeFrames(file: FileHandle, redo: RedoLog): Promise<void> {
  const header = walMemory(WAL_HEADER_BYTES)
  const frames = new FrameBuffer(redo, writeWalHeader(header, redo.salts))
  await writeFully(file, header.bytes)
  for await (const page of redo.pages) {
    if (frames.isFull) await writeFully(file, frames.take(0))
    frames.add(page)
  }
  await writeFully(file, frames.take(redo.databasePages))
}

async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await file.write(bytes, written, bytes.length - written)).bytesWritten
  }
}

/** Gathers frames. The last one stays unsealed until it is known whether it ends the transaction. */
class FrameBuffer {
  readonly #redo: RedoLog
  readonly #sum: ChainSum
  readonly #memory: WalMemory = walMemory(BLOCK_FRAMES_MAX * FRAME_BYTES)
  #count = 0

  constructor(redo: RedoLog, sum: ChainSum) {
    this.#redo = redo
    this.#sum = sum
  }

  get isFull(): boolean {
    return this.#count === BLOCK_FRAMES_MAX
  }

  add({ number, bytes }: CapturedPage): void {
    const { databasePages, salts } = this.#redo
    assert(number >= 1 && number <= databasePages, `page ${number} is one of the database's ${databasePages} pages`)
    assert(number !== LOCK_PAGE_NUMBER, 'the lock page is never written')
    assert(bytes.length === PAGE_BYTES, `a page has ${PAGE_BYTES} bytes`)
    if (this.#count > 0) this.#sealLast(0)
    const at = this.#count * FRAME_BYTES
    for (const [index, field] of [number, 0, ...salts].entries())
      this.#memory.bytes.writeUInt32BE(field, at + index * 4)
    this.#memory.bytes.set(bytes, at + FRAME_HEADER_BYTES)
    this.#count += 1
  }

  /** Seals the last frame and empties the buffer. The bytes are good until the next `add`. */
  take(databasePages: number): Uint8Array {
    assert(this.#count > 0, 'a redo log has at least one page')
    this.#sealLast(databasePages)
    const bytes = this.#memory.bytes.subarray(0, this.#count * FRAME_BYTES)
    this.#count = 0
    return bytes
  }

  #sealLast(databasePages: number): void {
    sealFrame(this.#memory, (this.#count - 1) * FRAME_BYTES, { sum: this.#sum, databasePages })
  }
}
