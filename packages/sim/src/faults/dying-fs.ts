/**
 * A process that dies at one event of what it does to files through `node:fs/promises`: before and behind each new name, removal
 * and sync, and in the middle of a write. Import this before whatever uses those functions: modules take them once.
 */
import fs from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

let eventsLeft = Number.POSITIVE_INFINITY

/** Dies at the event of this number, counted from now on. */
export function dieAtFileEvent(eventCount: number): void {
  eventsLeft = eventCount
}

function pass(): void {
  eventsLeft -= 1
  if (eventsLeft > 0) return
  process.kill(process.pid, 'SIGKILL')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0) // the signal ends this, too
}

/** `deed` with an event on either side. */
function around<A extends unknown[], T>(deed: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  return async (...args) => {
    pass()
    const value = await deed(...args)
    pass()
    return value
  }
}

const { promises } = fs
const { open } = promises

async function watchedOpen(...args: Parameters<typeof open>): Promise<FileHandle> {
  const handle = await open(...args)
  const write = handle.write.bind(handle)
  const writeFile = async (bytes: Uint8Array) => {
    const middle = Math.floor(bytes.length / 2)
    await write(bytes, 0, middle)
    pass()
    await write(bytes, middle)
  }
  Object.defineProperty(handle, 'writeFile', { value: around(writeFile) })
  Object.defineProperty(handle, 'sync', { value: around(handle.sync.bind(handle)) })
  return handle
}

for (const name of ['link', 'rename', 'unlink', 'mkdir', 'rmdir', 'rm'] as const) {
  const deed = promises[name] as (...args: unknown[]) => Promise<unknown>
  Object.defineProperty(promises, name, { value: around(deed.bind(promises)) })
}
Object.defineProperty(promises, 'open', { value: watchedOpen })
syncBuiltinESMExports()
