/**
 * Object storage in a directory. A key is the path of a file below it.
 *
 * How a blob gets there, and what a crash leaves:
 *
 * 1. Its bytes go to a new file in `.incoming`, which is synced. A crash leaves that file; the next start removes it.
 * 2. The directories of its key are made. A crash leaves empty ones, which are no blobs.
 * 3. The file gets its name: by `link`, which refuses a name that is taken, for `create`; by `rename` for `put`. So there is the
 *    whole blob or none, and of any number of processes one creates.
 * 4. All directories from there up to the root are synced, since any of them may have just been made, by anybody. Only now the
 *    blob counts as stored; `create` does this also before it says that the key is taken.
 *
 * `delete` removes the name, syncs its directory, and takes away directories that are empty. Whoever is between 2 and 3 just
 * then begins again. Temporary files are linked, so they lie on the same file system, which must know hard links.
 */
import { link, rename, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type RandomId, TenaxError } from '@tenax/kernel'
import { blobExists, blobNotFound, keyCrossed, unavailable } from '../blob-errors.ts'
import type { BlobEntry, BlobStore, CallOptions, GetOptions, ListOptions } from '../blob-store.ts'
import { checkKey, checkLength, checkPrefix, checkRange } from '../core/key.ts'
import { FS_CALLS_MAX, FS_TRIES_MAX } from '../limits.ts'
import { Slots } from '../slots.ts'
import { DirectorySyncs, hasCode, isAbsent } from './directory-syncs.ts'
import { isRefusal, notDone, perhapsDone } from './fs-failure.ts'
import {
  directoriesOf,
  emptyDirectory,
  isDirectory,
  makeDirectory,
  readFileRange,
  removeEmpty,
  removeLeftover,
  writeNewFile,
} from './fs-files.ts'
import { walk } from './fs-walk.ts'

/** What a store in a directory is made of. */
export interface FsStoreOptions {
  /** The directory. It is made, with those above it, when it is not there. */
  readonly directory: string
  readonly randomId: RandomId
}

/** No part of a key begins with a dot, so this is nobody's key. */
const INCOMING = '.incoming'

/**
 * Opens a store in a directory, and removes what writes have left there that a crash cut short. Several processes may use one
 * directory; a write that another one's start takes the temporary file from begins again.
 *
 * @throws TenaxError `unavailable` when the directory cannot be made or written, `config_invalid` when it is a file
 * @example
 * const store = await openFsStore({ directory: 'backup', randomId })
 */
export async function openFsStore({ directory, randomId }: FsStoreOptions): Promise<BlobStore> {
  const root = resolve(directory)
  const incoming = join(root, INCOMING)
  const syncs = new DirectorySyncs()
  try {
    if (!(await makeDirectory(incoming))) throw notADirectory()
    await emptyDirectory(incoming)
    // The root is a name in the directory above it, and may have been made just now, with that one.
    for (const each of directoriesOf(root, resolve('/'))) await syncIfMine(each, syncs)
  } catch (error) {
    throw notDone(error)
  }
  return new FsStore({ root, randomId, syncs })
}

function notADirectory(): Error {
  const hint = 'name a directory, or one that can be made'
  return new TenaxError('config_invalid', 'the directory of object storage is a file', { hint })
}

/** What this process may not read it has not made either. */
async function syncIfMine(directory: string, syncs: DirectorySyncs): Promise<void> {
  try {
    await syncs.sync(directory)
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS', 'EINVAL'].some((code) => hasCode(error, code))) throw error
  }
}

interface FsParts {
  readonly root: string
  readonly randomId: RandomId
  readonly syncs: DirectorySyncs
}

/** How a temporary file becomes the blob. */
type NameFile = (from: string, to: string) => Promise<void>

class FsStore implements BlobStore {
  readonly name = 'fs'
  readonly #root: string
  readonly #randomId: RandomId
  readonly #syncs: DirectorySyncs
  readonly #slots = new Slots(FS_CALLS_MAX)

  constructor({ root, randomId, syncs }: FsParts) {
    this.#root = root
    this.#randomId = randomId
    this.#syncs = syncs
  }

  async get(key: string, { range, signal }: GetOptions = {}): Promise<Uint8Array> {
    checkKey(key)
    checkRange(range)
    const bytes = await this.#look(signal, () => readFileRange(this.#pathOf(key), range))
    if (bytes === undefined) throw blobNotFound(key)
    return bytes
  }

  create(key: string, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    return this.#write({ key, bytes, name: link }, options)
  }

  put(key: string, bytes: Uint8Array, options: CallOptions = {}): Promise<void> {
    return this.#write({ key, bytes, name: rename }, options)
  }

  list(prefix: string, { after = '', signal }: ListOptions = {}): AsyncIterable<BlobEntry> {
    checkPrefix(prefix)
    return walk({ root: this.#root, prefix, after, step: (deed) => this.#look(signal, deed) })
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    checkKey(key)
    await this.#slots.use(signal, () => this.#remove(key))
  }

  async close(): Promise<void> {
    this.#slots.close()
  }

  #pathOf(key: string): string {
    return join(this.#root, key)
  }

  async #look<T>(signal: AbortSignal | undefined, deed: () => Promise<T>): Promise<T> {
    try {
      return await this.#slots.use(signal, deed)
    } catch (error) {
      throw notDone(error)
    }
  }

  async #write(write: Write, { signal }: CallOptions): Promise<void> {
    checkKey(write.key)
    checkLength(write.bytes.length)
    await this.#slots.use(signal, async () => {
      const isNew = await this.#store(write)
      await this.#makeDurable(write.key)
      if (!isNew) throw blobExists(write.key)
    })
  }

  /** Steps 1 to 3. Answers false when the key is taken. */
  async #store(write: Write): Promise<boolean> {
    try {
      for (let tryCount = 0; tryCount < FS_TRIES_MAX; tryCount++) {
        const isNew = await this.#tryStore(write)
        if (isNew !== undefined) return isNew
      }
    } catch (error) {
      throw notDone(error)
    }
    throw unavailable('other processes take away what is being written to object storage')
  }

  async #tryStore({ key, bytes, name }: Write): Promise<boolean | undefined> {
    const path = this.#pathOf(key)
    const incoming = join(this.#root, INCOMING)
    const from = join(incoming, this.#randomId())
    try {
      if (!(await makeDirectory(incoming)) || !(await makeDirectory(dirname(path)))) throw keyCrossed(key)
      await writeNewFile(from, bytes)
      return await this.#name({ key, bytes, name }, from)
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    } finally {
      await removeLeftover(from)
    }
  }

  async #name({ key, name }: Write, from: string): Promise<boolean> {
    const path = this.#pathOf(key)
    try {
      await name(from, path)
      return true
    } catch (error) {
      if (isAbsent(error)) throw error
      if (await isDirectory(path)) throw keyCrossed(key)
      if (hasCode(error, 'EEXIST')) return false
      throw isRefusal(error) ? error : perhapsDone(key, error)
    }
  }

  /** Step 4. */
  async #makeDurable(key: string): Promise<void> {
    const directories = directoriesOf(this.#pathOf(key), this.#root)
    try {
      await Promise.all(directories.map((directory) => this.#syncs.sync(directory)))
    } catch (error) {
      throw perhapsDone(key, error)
    }
  }

  async #remove(key: string): Promise<void> {
    const path = this.#pathOf(key)
    if (!(await this.#unlink(path))) return
    try {
      await this.#syncs.sync(dirname(path))
    } catch (error) {
      throw perhapsDone(key, error)
    }
    await removeEmpty(directoriesOf(path, this.#root).slice(0, -1))
  }

  /** Answers false when there is no such blob. */
  async #unlink(path: string): Promise<boolean> {
    try {
      await unlink(path)
      return true
    } catch (error) {
      if (isAbsent(error) || (await isDirectory(path))) return false
      throw notDone(error)
    }
  }
}

interface Write {
  readonly key: string
  readonly bytes: Uint8Array
  readonly name: NameFile
}
