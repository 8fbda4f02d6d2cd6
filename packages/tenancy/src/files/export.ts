/** An export: the frozen main file, as an ordinary single file, while writes go on. */
import { checksumOfPages, PAGE_BYTES } from '@tenax/sqlite'
import type { Handle } from '../handle.ts'
import { EXPORT_CHUNK_BYTES } from '../limits.ts'
import { type FrozenFile, freezeFile, movedByOther } from './frozen-file.ts'

/** Bytes 18 and 19 of the header say how the file is journaled; 1 makes the copy an ordinary single file. */
const JOURNAL_OFFSET = 18

/** A file on its way out. Whoever takes it calls `end`, however far it has read. */
export interface TenantExport {
  readonly bytes: number
  readonly chunks: AsyncIterable<Uint8Array>
  /** Resolves when the export must end: its tenant goes, or is written too fast. Reading on fails from then on. */
  readonly interrupted: Promise<void>
  end(): void
}

/**
 * Freezes the file of `handle`, verifies it and gives its bytes. The caller keeps the handle in use until the chunks have
 * ended. It is read twice. Nothing keeps another process from moving the log meanwhile: then the chunks end with `unavailable`.
 *
 * @throws TenaxError `tenant_quarantined` when the file is not what the tenant's commits have made of it; `unavailable`
 */
export async function exportFile(handle: Handle): Promise<TenantExport> {
  const file = await freezeFile(handle)
  const interrupted = file.interrupted.then(() => undefined)
  return { bytes: file.bytes, chunks: chunksOf(file), interrupted, end: () => file.thaw() }
}

async function* chunksOf(file: FrozenFile): AsyncGenerator<Uint8Array, void, void> {
  let found = 0n
  for (let offset = 0; offset < file.bytes; ) {
    const length = Math.min(EXPORT_CHUNK_BYTES, file.bytes - offset)
    const bytes = await file.read(offset, length)
    found ^= checksumOfPages(offset / PAGE_BYTES + 1, bytes)
    if (offset === 0) bytes.fill(1, JOURNAL_OFFSET, JOURNAL_OFFSET + 2)
    offset += length
    if (offset === file.bytes && file.checksum !== undefined && found !== file.checksum) throw movedByOther()
    yield bytes
  }
}
