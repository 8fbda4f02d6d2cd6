/** Opens a data directory: makes it if it is not there, refuses it if it is not ours, and locks it. */
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { assert, type Clock, type RandomId, TenaxError } from '@tenax/kernel'
import {
  acquireProcessLock,
  type EngineDriver,
  hostFailure,
  type ProcessLock,
  syncDirectory,
  writeNewFile,
} from '@tenax/sqlite'
import { Layout } from './layout.ts'
import { ownVersion } from './own-version.ts'
import { finishRecovered } from './recover/recovered-directory.ts'

/** Version of the directory's layout, kept in `tenax.json`. */
export const DATA_FORMAT = 1

/** What `tenax.json` says. */
export interface DataIdentity {
  readonly format: number
  readonly dataId: string
  readonly shardCount: number
  readonly createdBy: string
}

/** A data directory that this process owns until it is closed. */
export interface DataDirectory {
  readonly layout: Layout
  readonly identity: DataIdentity
  release(): void
}

/** What opening a data directory takes. */
export interface DataDirectoryOptions {
  readonly path: string
  readonly driver: EngineDriver
  readonly clock: Clock
  readonly randomId: RandomId
  readonly shardCount: number
  readonly pid: number
}

/** A directory that this process has locked. */
export interface ClaimedDirectory {
  readonly layout: Layout
  /** Undefined when there is no data in it yet. */
  readonly identity: DataIdentity | undefined
  release(): void
}

/**
 * @throws TenaxError `data_in_use` naming pid and start time, `data_format_newer`, `data_format_invalid`
 */
export function openDataDirectory(options: DataDirectoryOptions): DataDirectory {
  try {
    const claimed = claimDataDirectory(options)
    try {
      return furnish(claimed, options)
    } catch (error) {
      claimed.release()
      throw error
    }
  } catch (error) {
    throw hostFailure(error) // a full disk, for example, speaks as itself also at the start
  }
}

/** Locks a directory, and ends a recovery into it that was whole when it was cut short. Throws as {@link openDataDirectory}. */
export function claimDataDirectory(options: DataDirectoryOptions): ClaimedDirectory {
  const layout = new Layout(options.path)
  makeRoot(layout)
  refuseForeignDirectory(layout)
  const lock = lockOrThrow(layout, options)
  try {
    finishRecovered(layout)
    return { layout, identity: readIdentity(layout), release: () => lock.release() }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Makes what a data directory has, and is not there. The lock goes with it. */
export function furnish({ layout, release }: ClaimedDirectory, options: DataDirectoryOptions): DataDirectory {
  const identity = readIdentity(layout) ?? createIdentity(layout, options)
  mkdirSync(layout.uploads, { recursive: true, mode: 0o700 })
  for (const name of readdirSync(layout.uploads)) rmSync(`${layout.uploads}/${name}`, { force: true })
  for (let index = 0; index < identity.shardCount; index += 1)
    mkdirSync(layout.shard(index), { recursive: true, mode: 0o700 })
  syncDirectory(layout.shards)
  return { layout, identity, release }
}

/** What stands in the way is the operator's to mend, so it is named; the path is what they have just said themselves. */
function makeRoot(layout: Layout): void {
  try {
    mkdirSync(layout.root, { recursive: true, mode: 0o700 })
    accessSync(layout.root, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const reason = OBSTACLES[code]
    if (reason === undefined) throw error
    throw new TenaxError('config_invalid', `the data directory cannot be used: ${reason}`, {
      cause: error,
      hint: 'name a directory that this process may make and write',
    })
  }
}

const OBSTACLES: Readonly<Record<string, string>> = {
  EEXIST: 'there is a file of that name',
  ENOTDIR: 'a part of its path is a file',
  EACCES: 'this process may not write there',
  EPERM: 'this process may not write there',
  EROFS: 'the disk is read-only',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its path is a circle of links',
}

/** A directory with other things in it and no `tenax.json` is somebody else's. */
function refuseForeignDirectory(layout: Layout): void {
  const ours = new Set([
    'tenax.json',
    'tenax.json.new',
    'host.lock',
    'host.lock-journal',
    'uploads',
    'ledgers',
    'shards',
    'recovering',
    'recovered',
    'recovered.json',
  ])
  const names = readdirSync(layout.root)
  if (names.includes('tenax.json') || names.every((name) => ours.has(name))) return
  throw new TenaxError('data_format_invalid', 'the data directory is not empty and has no tenax.json', {
    hint: 'name an empty directory, or one that Tenax made',
  })
}

function lockOrThrow(layout: Layout, { driver, clock, pid }: DataDirectoryOptions): ProcessLock {
  const result = acquireProcessLock(driver, layout.lock, { pid, startedAtMs: clock.nowMs() })
  if ('release' in result) return result
  const startedAt = new Date(result.startedAtMs).toISOString()
  throw new TenaxError('data_in_use', `the data directory is in use by process ${result.pid}, started ${startedAt}`, {
    hint: 'stop that process, or name another data directory',
    details: { pid: result.pid, startedAt },
  })
}

function readIdentity(layout: Layout): DataIdentity | undefined {
  if (!readdirSync(layout.root).includes('tenax.json')) return undefined
  const identity = parseIdentity(readFileSync(layout.identity, 'utf8'))
  if (identity.format > DATA_FORMAT) {
    throw new TenaxError(
      'data_format_newer',
      `the data directory has format ${identity.format}; this Tenax knows ${DATA_FORMAT}`,
      {
        hint: `use the Tenax that made it (${identity.createdBy}) or a newer one`,
      },
    )
  }
  return identity
}

function parseIdentity(text: string): DataIdentity {
  const invalid = new TenaxError('data_format_invalid', 'tenax.json is not what Tenax writes', {
    hint: 'restore tenax.json from a backup; nothing was changed',
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid
  }
  if (typeof value !== 'object' || value === null) throw invalid
  const { format, dataId, shardCount, createdBy } = value as Record<string, unknown>
  if (typeof format !== 'number' || !Number.isInteger(format) || format < 1) throw invalid
  if (typeof dataId !== 'string' || typeof createdBy !== 'string') throw invalid
  if (typeof shardCount !== 'number' || !Number.isInteger(shardCount) || shardCount < 1) throw invalid
  return { format, dataId, shardCount, createdBy }
}

function createIdentity(layout: Layout, { randomId, shardCount }: DataDirectoryOptions): DataIdentity {
  assert(Number.isInteger(shardCount) && shardCount >= 1 && shardCount <= 99, 'a data directory has 1 to 99 shards')
  return writeIdentityFile(layout, { dataId: randomId(), shardCount })
}

/** Writes `tenax.json`, durably. */
export function writeIdentityFile(
  layout: Layout,
  { dataId, shardCount }: Pick<DataIdentity, 'dataId' | 'shardCount'>,
): DataIdentity {
  const identity = { format: DATA_FORMAT, dataId, shardCount, createdBy: `tenax ${ownVersion()}` }
  writeNewFile(layout.identity, Buffer.from(`${JSON.stringify(identity, null, 2)}\n`))
  return identity
}
