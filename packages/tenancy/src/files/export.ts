/**
 * An export: the main file as it is right after a checkpoint, read through the host's own descriptor while writes go on
 * in the WAL. The file is frozen meanwhile (no checkpoint); when the WAL grows past its limit the export gives way.
 */
import { fstatSync, read } from 'node:fs'
import { promisify } from 'node:util'
import { InvariantError, TenaxError } from '@tenax/kernel'
import { checksumOfPages, PAGE_BYTES } from '@tenax/sqlite'
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
 * ended. It is read twice: what is wrong with it must be known before the first byte leaves. Nothing keeps another process from
 * moving the log meanwhile: then the chunks end with `unavailable`.
 *
 * @throws TenaxError `tenant_quarantined` when the file is not what the tenant's commits have made of it; `unavailable`
 */
export async function exportFile(handle: Handle): Promise<TenantExport> {
  const interrupted = Promise.withResolvers<void>()
  let interruptedBy: TenaxError | undefined
  const check = () => refuse(interruptedBy)
  const freeze = () =>
    handle.freeze((error) => {
      interruptedBy = error
      interrupted.resolve()
    })
  const { checksum, thaw } = await verified(handle, freeze, check)
  const { descriptor } = handle.file
  const bytes = fstatSync(descriptor).size
  return {
    bytes,
    chunks: chunksOf({ descriptor, bytes, checksum, check }),
    interrupted: interrupted.promise,
    end: thaw,
  }
}

interface VerifiedFile {
  readonly checksum: bigint | undefined
  readonly thaw: () => void
}

/**
 * Looks at the frozen file while writes go on. When it is wrong, another process may have moved what they put into the log: it
 * is looked at once more while nothing else runs on it, and what is wrong then stops the tenant.
 */
async function verified(handle: Handle, freeze: () => () => void, check: () => void): Promise<VerifiedFile> {
  const thaw = await handle.exclusively(async () => {
    await moveLog(handle)
    return freeze()
  })
  try {
    return { checksum: await handle.verifyMain(check), thaw }
  } catch (error) {
    thaw()
    if (!(error instanceof InvariantError)) throw error
  }
  return handle.exclusively(async () => {
    if (handle.isFrozen) throw moved() // another export keeps the log where it is, so that nothing can be said
    await moveLog(handle)
    return { checksum: await handle.verifyMain(check), thaw: freeze() }
  })
}

async function moveLog(handle: Handle): Promise<void> {
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
}

interface ExportSource {
  readonly descriptor: number
  readonly bytes: number
  /** What all pages come to; undefined when nobody said. */
  readonly checksum: bigint | undefined
  /** Throws when the export must end. */
  readonly check: () => void
}

async function* chunksOf(source: ExportSource): AsyncGenerator<Uint8Array, void, void> {
  let found = 0n
  for (let offset = 0; offset < source.bytes; ) {
    const length = Math.min(EXPORT_CHUNK_BYTES, source.bytes - offset)
    const bytes = await readWhole(source, offset, length)
    found ^= checksumOfPages(offset / PAGE_BYTES + 1, bytes)
    if (offset === 0) bytes.fill(1, JOURNAL_OFFSET, JOURNAL_OFFSET + 2)
    offset += length
    if (offset === source.bytes && source.checksum !== undefined && found !== source.checksum) throw moved()
    yield bytes
  }
}

async function readWhole({ descriptor, check }: ExportSource, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    check() // before the read: the descriptor may be closed by now, and be another file's
    const { bytesRead } = await readAt(descriptor, bytes, done, length - done, offset + done)
    check() // and after it: bytes read before an interruption are of the frozen file
    if (bytesRead === 0) throw moved()
    done += bytesRead
  }
  return bytes
}

function moved(): TenaxError {
  return new TenaxError('unavailable', 'another process moved the log into the main file while it was exported', {
    hint: 'export again when it has ended',
  })
}

function refuse(error: TenaxError | undefined): void {
  if (error !== undefined) throw error
}
