/**
 * Sees the host's own fsyncs of main files: libSQL offers JavaScript no VFS, but the host syncs through `node:fs`, and a
 * main file changes in checkpoints only. Import this before anything that imports `@tenax/sqlite`, which takes the
 * function once. Without a watch everything is as before.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/** Asked at each fdatasync. Undefined lets the real one happen; else it is left out, and the answer called behind it. */
export type SyncWatch = (descriptor: number) => (() => void) | undefined

const system = fs.fdatasync
const watches = new Set<SyncWatch>()

/** Watches every fdatasync of this process from now on. Answers how to end that. */
export function watchSyncs(watch: SyncWatch): () => void {
  watches.add(watch)
  return () => void watches.delete(watch)
}

function watched(descriptor: number, done: (error: Error | null) => void): void {
  for (const watch of watches) {
    const behind = watch(descriptor)
    if (behind === undefined) continue
    setImmediate(() => {
      behind()
      done(null)
    })
    return
  }
  system(descriptor, done)
}

Object.defineProperty(fs, 'fdatasync', { value: watched })
syncBuiltinESMExports()
