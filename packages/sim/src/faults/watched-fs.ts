/**
 * Sees what the host does to files through `node:fs`: libSQL offers JavaScript no VFS, but a main file changes in
 * checkpoints only, and its fsync, renames and removals are the host's own. Import this before anything that imports
 * `@tenax/sqlite`: modules take the functions once. Without a watch everything is as before.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { systemClock } from '@tenax/kernel'

/** What somebody wants to see. */
export interface FileWatch {
  /** Asked at each fdatasync. Undefined lets the real one happen; else it is left out, and the answer called behind it. */
  readonly onSync: (descriptor: number) => (() => void) | undefined
  /** Called before and behind each rename and removal. */
  readonly onName: () => void
}

const SYNC_MS = 3

const watches = new Set<FileWatch>()

/** Watches this process from now on. Answers how to end that. */
export function watchFiles(watch: FileWatch): () => void {
  watches.add(watch)
  return () => void watches.delete(watch)
}

const { fdatasync, renameSync, rmSync } = fs
const { rename } = fs.promises

function tellNames(): void {
  for (const watch of watches) watch.onName()
}

function watchedSync(descriptor: number, done: (error: Error | null) => void): void {
  for (const watch of watches) {
    const behind = watch.onSync(descriptor)
    if (behind === undefined) continue
    // Slower than anything that does not wait for it, so that who goes on too early is seen.
    systemClock.after(SYNC_MS, () => {
      behind()
      done(null)
    })
    return
  }
  fdatasync(descriptor, done)
}

function around<A extends unknown[]>(deed: (...args: A) => void): (...args: A) => void {
  return (...args) => {
    tellNames()
    deed(...args)
    tellNames()
  }
}

async function watchedRename(from: fs.PathLike, to: fs.PathLike): Promise<void> {
  tellNames()
  await rename(from, to)
  tellNames()
}

Object.defineProperty(fs, 'fdatasync', { value: watchedSync })
Object.defineProperty(fs, 'renameSync', { value: around(renameSync) })
Object.defineProperty(fs, 'rmSync', { value: around(rmSync) })
Object.defineProperty(fs.promises, 'rename', { value: watchedRename })
syncBuiltinESMExports()
