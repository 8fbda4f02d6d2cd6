/** Walks a directory in the order of keys. */
import type { Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlobEntry } from '../blob-store.ts'
import { isKeyPart } from '../core/key.ts'
import { isAbsent } from './directory-syncs.ts'

/** Where to walk: below `prefix` of `root`, behind the key `after`. `step` is passed through before each look at the disk. */
export interface Walk {
  readonly root: string
  readonly prefix: string
  readonly after: string
  readonly step: <T>(deed: () => Promise<T>) => Promise<T>
}

/** The files whose names are parts of keys; others are somebody else's. One that goes meanwhile is left out. */
export async function* walk(options: Walk): AsyncGenerator<BlobEntry> {
  const { root, prefix, after, step } = options
  const entries = await step(() => entriesIn(join(root, prefix)))
  // A directory stands for keys that go on with "/", which sorts behind "-" and "." and before all letters.
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort(byBytes)
  for (const name of names) {
    const key = prefix + name
    if (name.endsWith('/')) {
      if (after < key || after.startsWith(key)) yield* walk({ ...options, prefix: key })
      continue
    }
    if (key <= after) continue
    const entry = await step(() => entryOf(root, key))
    if (entry !== undefined) yield entry
  }
}

async function entriesIn(directory: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true })
    return entries.filter((entry) => isKeyPart(entry.name) && (entry.isFile() || entry.isDirectory()))
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

async function entryOf(root: string, key: string): Promise<BlobEntry | undefined> {
  try {
    const stat = await lstat(join(root, key))
    return { key, lengthBytes: stat.size, storedAtMs: Math.floor(stat.mtimeMs) }
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

function byBytes(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
