/**
 * Who in this process holds a tenant's main file open (LEDGER C5).
 *
 * POSIX drops *all* locks that a process has on a file as soon as it closes *any* descriptor of it. So the host opens one
 * raw descriptor of its own before the first connection, reads and syncs through it, and closes it only when no SQLite
 * descriptor of that file is left. Connections linger after `close()` until their statements are collected, so what is
 * left is read from /proc, never assumed.
 *
 * States of a path: `live` (connections > 0) → `zombie` (none live, descriptors left) → gone (raw descriptor closed).
 * `holdMainFile` enters `live`, `releaseMainFile` leaves it, `sweep` ends zombies.
 */
import { closeSync, constants, openSync, readdirSync, readlinkSync, readSync, realpathSync } from 'node:fs'
import v8 from 'node:v8'
import { runInNewContext } from 'node:vm'
import { assert } from '@tenax/kernel'
import { CLOSES_PER_COLLECTION, COLLECTIONS_MAX, PAGE_BYTES } from './limits.ts'

interface MainFile {
  readonly descriptor: number
  connections: number
  /** Closed connections that may still have descriptors: as of the last look at /proc, and all that were closed since. */
  zombies: number
}

const files = new Map<string, MainFile>()
let closesSinceCollection = 0
let scratchCloses = 0

/** The host's own hold on a main file. `descriptor` is for reading and syncing; nobody closes it but this module. */
export interface MainFileHold {
  readonly descriptor: number
  readonly realPath: string
}

/** Opens, or shares, the raw descriptor of the file at `path`. Call it before the connection is opened. */
export function holdMainFile(path: string): MainFileHold {
  const realPath = realpathSync(path)
  const known = files.get(realPath)
  if (known === undefined) {
    const descriptor = openSync(realPath, constants.O_RDWR)
    files.set(realPath, { descriptor, connections: 1, zombies: 0 })
    return { descriptor, realPath }
  }
  known.connections += 1
  return { descriptor: known.descriptor, realPath }
}

/** Says that the connection behind `hold` was closed. Its descriptors go with one of the next collections. */
export function releaseMainFile(hold: MainFileHold): void {
  const file = files.get(hold.realPath)
  assert(file !== undefined && file.connections > 0, 'a hold is released once')
  file.connections -= 1
  file.zombies += 1
  closesSinceCollection += 1
  if (closesSinceCollection >= CLOSES_PER_COLLECTION) void collectClosed()
}

/** One page of a live main file, read through the host's own descriptor: its image as of the last checkpoint. */
export function readMainPage(descriptor: number, number: number): Uint8Array {
  const bytes = new Uint8Array(PAGE_BYTES)
  const bytesRead = readSync(descriptor, bytes, 0, PAGE_BYTES, (number - 1) * PAGE_BYTES)
  assert(bytesRead === PAGE_BYTES, 'a page that no log holds is in the main file')
  return bytes
}

/** Says that a connection to a file that is no tenant's (an upload) was closed: its descriptors hold disk space as well. */
export function noteScratchClose(): void {
  scratchCloses += 1
}

/**
 * Frees the descriptors of closed connections: one collection (some 10 ms), then a look at /proc once the binding's
 * finalizers have run, which they do in a turn of their own.
 */
export async function collectClosed(): Promise<void> {
  closesSinceCollection = 0
  if (zombieCount() + scratchCloses === 0) return
  scratchCloses = 0
  collectGarbage()
  await new Promise((resolve) => setImmediate(resolve))
  sweep()
}

/**
 * Resolves when no closed connection has descriptors left, or after {@link COLLECTIONS_MAX} collections. SQLite's own close
 * comes that late, and removes the log by its *name*: nobody may lay a new log under that name before this.
 */
export async function allCollected(): Promise<void> {
  for (let count = 0; count < COLLECTIONS_MAX && zombieCount() + scratchCloses > 0; count += 1) await collectClosed()
}

/** True while this process has the file at `path` open, or a closed connection to it lingers. */
export function holdsMainFile(path: string): boolean {
  return files.has(realpathSync(path))
}

/** Closed connections whose descriptors are not known to be free. Their file may be open again meanwhile. */
export function zombieCount(): number {
  let count = 0
  for (const file of files.values()) count += file.zombies
  return count
}

/** Each connection has one descriptor of the main file, and the host has one: what is more belongs to zombies. */
function sweep(): void {
  const open = openDescriptors()
  for (const [path, file] of files) {
    file.zombies = open === undefined ? 0 : Math.max(0, (open.get(path) ?? 0) - 1 - file.connections)
    if (file.connections + file.zombies > 0) continue
    closeSync(file.descriptor)
    files.delete(path)
  }
}

/** How many descriptors this process has per path; undefined where there is no /proc. A deleted file keeps its name there. */
function openDescriptors(): Map<string, number> | undefined {
  let names: string[]
  try {
    names = readdirSync('/proc/self/fd')
  } catch {
    return undefined
  }
  const counts = new Map<string, number>()
  for (const name of names) {
    const target = targetOf(name)
    if (target !== undefined) counts.set(target, (counts.get(target) ?? 0) + 1)
  }
  return counts
}

function targetOf(name: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${name}`).replace(/ \(deleted\)$/, '')
  } catch {
    return undefined // the descriptor of the directory listing itself, gone by now
  }
}

const collectGarbage: () => void = collector()

function collector(): () => void {
  v8.setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  return typeof gc === 'function' ? () => void gc() : () => undefined
}
