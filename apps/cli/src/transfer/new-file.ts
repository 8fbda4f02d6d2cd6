/**
 * A file that appears whole or not at all: written under another name in the same directory, fsynced, then given its own
 * name. Without leave to replace, the name is given by `link`, which fails where there is one by now.
 */
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CliError } from '../failure.ts'

/** Where the file goes, and whether it may replace one. */
export interface NewFile {
  readonly path: string
  readonly force: boolean
}

/** File systems without hard links answer one of these. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP', 'EMLINK'])

/**
 * Writes a file with `write`. When that throws, nothing is left behind.
 *
 * @throws CliError `file_exists` before and after writing, unless `force`
 */
export async function writeNewFile(file: NewFile, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  if (!file.force) await refuseExisting(file.path)
  const partPath = join(dirname(file.path), `.${basename(file.path)}.${process.pid}.part`)
  try {
    await writePart(partPath, write)
    await giveName(partPath, file)
  } finally {
    await rm(partPath, { force: true })
  }
  await syncDirectory(dirname(file.path))
}

async function writePart(partPath: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(partPath, 'wx')
  try {
    await write(handle)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function giveName(partPath: string, { path, force }: NewFile): Promise<void> {
  if (force) return rename(partPath, path)
  try {
    await link(partPath, path)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') throw fileExists(path)
    if (!NO_LINKS.has(code)) throw error
    await refuseExisting(path)
    await rename(partPath, path)
  }
}

async function refuseExisting(path: string): Promise<void> {
  try {
    const handle = await open(path, 'r')
    await handle.close()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  throw fileExists(path)
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  await handle.sync().finally(() => handle.close())
}

function fileExists(path: string): CliError {
  return new CliError('file_exists', `${path} is there already`, 'name another file, or replace it with --force')
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
