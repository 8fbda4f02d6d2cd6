/** The data directory: whose it is, of which format, and whether a server runs on it. Nothing in it is changed. */
import { access, constants, readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { messageOf } from '@tenax/kernel'
import type { Finding } from './check.ts'

/** The newest format of a data directory that this version knows. */
const DATA_FORMAT = 1

/** SQLite's RESERVED byte: a server holds a write lock on it in `host.lock` as long as it lives. */
const RESERVED_BYTE = '1073741825'

/** The nearest directory at or above `path` that is there: its disk is the disk that the data will be on. */
export async function existingDirectory(path: string): Promise<string> {
  for (let at = resolve(path); ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined)
    if (found?.isDirectory() || dirname(at) === at) return at
  }
}

/** What the directory at `path` says about itself. */
export async function checkDataDirectory(path: string): Promise<Finding> {
  const text = await readIfThere(join(path, 'tenax.json'))
  if (text === undefined) return checkUnused(path)
  const finding = judgeIdentity(text)
  if (finding.status !== 'ok') return finding
  const pid = await lockHolder(join(path, 'host.lock'))
  const inUse = pid === undefined ? 'not in use' : `in use by process ${pid}`
  return { ...finding, message: `${finding.message}, ${inUse}`, facts: { ...finding.facts, pid: pid ?? null } }
}

async function checkUnused(path: string): Promise<Finding> {
  const parent = await existingDirectory(path)
  try {
    await access(parent, constants.W_OK)
    return { status: 'ok', message: `${path} holds no data yet`, facts: { path } }
  } catch (error) {
    return { status: 'fail', message: `${path} cannot be made: ${messageOf(error)}`, facts: { path } }
  }
}

/** What a `tenax.json` says. */
export function judgeIdentity(text: string): Finding {
  const identity = parseIdentity(text)
  if (identity === undefined) return { status: 'fail', message: 'tenax.json is damaged: restore it from a backup' }
  const { format, createdBy } = identity
  const facts = { format, createdBy, shardCount: identity.shardCount }
  if (format > DATA_FORMAT) {
    const message = `format ${format} of ${createdBy}; this version knows up to ${DATA_FORMAT}: use a newer one`
    return { status: 'fail', message, facts }
  }
  return { status: 'ok', message: `format ${format} of ${createdBy}, ${identity.shardCount} shards`, facts }
}

interface Identity {
  readonly format: number
  readonly createdBy: string
  readonly shardCount: number
}

function parseIdentity(text: string): Identity | undefined {
  const value = parseObject(text)
  const { format, createdBy, shardCount } = value ?? {}
  if (!Number.isInteger(format) || typeof format !== 'number') return undefined
  return typeof createdBy === 'string' && typeof shardCount === 'number' ? { format, createdBy, shardCount } : undefined
}

function parseObject(text: string): Readonly<Partial<Record<keyof Identity, unknown>>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

async function lockHolder(path: string): Promise<number | undefined> {
  const file = await stat(path, { bigint: true }).catch(() => undefined)
  const locks = await readIfThere('/proc/locks')
  return file === undefined || locks === undefined ? undefined : lockHolderIn(locks, file.ino)
}

/** The process that holds SQLite's RESERVED lock on the file with this inode, by the text of `/proc/locks`. */
export function lockHolderIn(locks: string, inode: bigint): number | undefined {
  for (const line of locks.split('\n')) {
    const [, kind, , mode, pid, file = '', start] = line.trim().split(/\s+/)
    if (kind !== 'POSIX' || mode !== 'WRITE' || start !== RESERVED_BYTE) continue
    if (file.split(':').at(-1) === inode.toString()) return Number(pid)
  }
  return undefined
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return undefined
    }
    throw error
  }
}
