/**
 * An export: the main file as it is right after a checkpoint, read through the host's own descriptor while writes go on
 * in the WAL. The file is frozen meanwhile (no checkpoint); when the WAL grows past its limit the export gives way.
 */
import { fstatSync, read } from 'node:fs'
import { promisify } from 'node:util'
import { TenaxError } from '@tenax/kernel'
import type { Handle } from '../handle.ts'
import { EXPORT_CHUNK_BYTES } from '../limits.ts'

const readAt = promisify(read)

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
 * ended. It is read twice: what is wrong with it must be known before the first byte leaves.
 *
 * @throws TenaxError `tenant_quarantined` when the file is not what the tenant's commits have made of it
 */
export async function exportFile(handle: Handle): Promise<TenantExport> {
  const interrupted = Promise.withResolvers<void>()
  let interruptedBy: TenaxError | undefined
  const thaw = await handle.exclusively(async () => {
    if (handle.isFrozen && handle.file.walBytes() > 0) {
      throw new TenaxError('unavailable', 'another export of the tenant is under way, and rows were written since', {
        hint: 'export again when it has ended',
      })
    }
    if (!handle.isFrozen && !(await handle.checkpoint())) {
      throw new TenaxError('unavailable', 'another process reads the live file', {
        hint: 'close it, then export again',
      })
    }
    return handle.freeze((error) => {
      interruptedBy = error
      interrupted.resolve()
    })
  })
  try {
    await handle.verifyMain(() => refuse(interruptedBy))
  } catch (error) {
    thaw()
    throw error
  }
  const { descriptor } = handle.file
  const bytes = fstatSync(descriptor).size
  const chunks = chunksOf({ descriptor, bytes, interruptedBy: () => interruptedBy })
  return { bytes, chunks, interrupted: interrupted.promise, end: thaw }
}

async function* chunksOf(source: {
  descriptor: number
  bytes: number
  interruptedBy: () => TenaxError | undefined
}): AsyncGenerator<Uint8Array, void, void> {
  for (let offset = 0; offset < source.bytes; ) {
    const length = Math.min(EXPORT_CHUNK_BYTES, source.bytes - offset)
    refuse(source.interruptedBy()) // before the read: the descriptor may be closed by now, and be another file's
    const { bytesRead, buffer } = await readAt(source.descriptor, new Uint8Array(length), 0, length, offset)
    refuse(source.interruptedBy()) // and after it: bytes read before an interruption are of the frozen file
    if (bytesRead === 0) throw new TenaxError('internal', 'the file is shorter than it was')
    if (offset === 0) buffer.fill(1, JOURNAL_OFFSET, JOURNAL_OFFSET + 2)
    offset += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

function refuse(error: TenaxError | undefined): void {
  if (error !== undefined) throw error
}
