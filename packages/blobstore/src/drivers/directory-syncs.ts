/** Syncs of directories: who asks while one runs waits for the next, which serves all who asked. */
import { type FileHandle, open } from 'node:fs/promises'

interface Syncing {
  running: Promise<void>
  /** Begins when `running` ends: only that one covers who asks now. */
  next: Promise<void> | undefined
}

/** Shared syncs of directories. */
export class DirectorySyncs {
  readonly #syncing = new Map<string, Syncing>()

  /** Resolves when everything that was named in `directory` before this call is durable. One that has gone needs no sync. */
  sync(directory: string): Promise<void> {
    const syncing = this.#syncing.get(directory)
    if (syncing === undefined) return this.#begin(directory)
    const again = () => {
      syncing.next = undefined
      return this.#begin(directory)
    }
    syncing.next ??= syncing.running.then(again, again)
    return syncing.next
  }

  #begin(directory: string): Promise<void> {
    const running = syncDirectory(directory)
    const syncing: Syncing = { running, next: undefined }
    this.#syncing.set(directory, syncing)
    const end = () => {
      if (this.#syncing.get(directory) === syncing && syncing.next === undefined) this.#syncing.delete(directory)
    }
    running.then(end, end)
    return running
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await openDirectory(directory)
  if (handle === undefined) return
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function openDirectory(directory: string): Promise<FileHandle | undefined> {
  try {
    return await open(directory, 'r')
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** Whether a call failed because there is nothing under the path, or a file where a directory should be. */
export function isAbsent(error: unknown): boolean {
  return hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')
}

/** Whether the operating system has failed with `code`. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
