/**
 * The main file of an open tenant, kept as it is right after a checkpoint while writes go on in the WAL: what exports and
 * snapshots read, through the host's own descriptor. When the WAL grows past its limit the reader gives way.
 */
import { fstatSync, read } from 'node:fs'
import { open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { InvariantError, TenaxError } from '@tenax/kernel'
import type { Handle } from '../handle.ts'
import { readLsn } from '../identity.ts'

const readAt = promisify(read)

/** A main file that stays as it is until `thaw`. */
export interface FrozenFile {
  readonly bytes: number
  /** Number of the last commit that the file holds. */
  readonly lsn: bigint
  /** What all pages come to (LEDGER X1), verified; undefined when nobody said. */
  readonly checksum: bigint | undefined
  /** Resolves with the reason when reading must end: the tenant goes, or is written too fast. Reading on fails from then on. */
  readonly interrupted: Promise<TenaxError>
  /** The bytes from `offset`. Throws TenaxError `unavailable`, or what `interrupted` was for. */
  read(offset: number, length: number): Promise<Uint8Array>
  thaw(): void
}

/**
 * Freezes the file of `handle` and verifies it: what is wrong with it must be known before its first byte leaves. The caller keeps
 * the handle in use until it has thawed.
 *
 * @throws TenaxError `tenant_quarantined` when the file is not what the tenant's commits have made of it; `unavailable`
 */
export async function freezeFile(handle: Handle): Promise<FrozenFile> {
  const interrupted = Promise.withResolvers<TenaxError>()
  let interruptedBy: TenaxError | undefined
  const check = () => refuse(interruptedBy)
  const freeze = () =>
    handle.freeze((error) => {
      interruptedBy = error
      interrupted.resolve(error)
    })
  const { checksum, lsn, thaw } = await verified(handle, freeze, check)
  const { descriptor } = handle.file
  return {
    bytes: fstatSync(descriptor).size,
    lsn,
    checksum,
    interrupted: interrupted.promise,
    read: (offset, length) => readWhole({ descriptor, check }, offset, length),
    thaw,
  }
}

/** A file that nobody has open and nobody writes, as if it were frozen. */
export async function closedFile(path: string, lsn: bigint): Promise<FrozenFile> {
  const file = await open(path, 'r')
  const { size: bytes } = await file.stat()
  return {
    ...{ bytes, lsn, checksum: undefined, interrupted: new Promise(() => undefined) },
    read: (offset, length) => readWhole({ descriptor: file.fd, check: () => undefined }, offset, length),
    thaw: () => void file.close(),
  }
}

interface VerifiedFile {
  readonly checksum: bigint | undefined
  readonly lsn: bigint
  readonly thaw: () => void
}

/**
 * Looks at the frozen file while writes go on. When it is wrong, another process may have moved what they put into the log: it
 * is looked at once more while nothing else runs on it, and what is wrong then stops the tenant.
 */
async function verified(handle: Handle, freeze: () => () => void, check: () => void): Promise<VerifiedFile> {
  const { lsn, thaw } = await handle.exclusively(async () => {
    await moveLog(handle)
    return { lsn: readLsn(handle.file), thaw: freeze() }
  })
  try {
    return { checksum: await handle.verifyMain(check), lsn, thaw }
  } catch (error) {
    thaw()
    if (!(error instanceof InvariantError)) throw error
  }
  return handle.exclusively(async () => {
    if (handle.isFrozen) throw movedByOther() // another reader keeps the log where it is, so that nothing can be said
    await moveLog(handle)
    return { checksum: await handle.verifyMain(check), lsn: readLsn(handle.file), thaw: freeze() }
  })
}

async function moveLog(handle: Handle): Promise<void> {
  if (handle.isFrozen && handle.file.walBytes() > 0) {
    throw new TenaxError(
      'unavailable',
      'another export or snapshot of the tenant is under way, and rows were written since',
      {
        hint: 'try again when it has ended',
      },
    )
  }
  if (!handle.isFrozen && !(await handle.checkpoint())) {
    throw new TenaxError('unavailable', 'another process reads the live file', { hint: 'close it, then try again' })
  }
}

interface FrozenSource {
  readonly descriptor: number
  /** Throws when reading must end. */
  readonly check: () => void
}

async function readWhole({ descriptor, check }: FrozenSource, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    check() // before the read: the descriptor may be closed by now, and be another file's
    const { bytesRead } = await readAt(descriptor, bytes, done, length - done, offset + done)
    check() // and after it: bytes read before an interruption are of the frozen file
    if (bytesRead === 0) throw movedByOther()
    done += bytesRead
  }
  return bytes
}

/** The error of a reader whose file is not any more what it was. */
export function movedByOther(): TenaxError {
  return new TenaxError('unavailable', 'another process moved the log into the main file while it was read', {
    hint: 'try again when it has ended',
  })
}

function refuse(error: TenaxError | undefined): void {
  if (error !== undefined) throw error
}
