/** File descriptors: whether the process may open as many as a full pool of handles needs. */
import { readFile } from 'node:fs/promises'
import type { Finding } from './check.ts'

/** Handles of a host's pool, as `tenax serve` has it unless told otherwise. */
export const HANDLES_DEFAULT = 500

/** Descriptors that one open tenant file takes at most: main file, WAL, shared memory, and two while it is exported. */
const DESCRIPTORS_PER_HANDLE = 5

/** Catalogs, sockets, logs and Node itself. */
const DESCRIPTORS_BESIDE = 64

/** Checks the limits of this process; a server that the same shell or unit starts has the same. */
export async function checkDescriptors(handleCount: number): Promise<Finding> {
  const limit = parseDescriptorLimit(await readFile('/proc/self/limits', 'utf8').catch(() => ''))
  return limit === undefined
    ? { status: 'warn', message: 'unknown: this system has no /proc/self/limits' }
    : judgeDescriptors(limit, handleCount)
}

/** The soft limit in the text of `/proc/self/limits`; Infinity for `unlimited`. */
export function parseDescriptorLimit(text: string): number | undefined {
  const soft = /^Max open files\s+(\d+|unlimited)\s/m.exec(text)?.[1]
  if (soft === undefined) return undefined
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
}

/** Whether `limit` descriptors are enough for a pool of `handleCount`. */
export function judgeDescriptors(limit: number, handleCount: number): Finding {
  const needed = handleCount * DESCRIPTORS_PER_HANDLE + DESCRIPTORS_BESIDE
  const facts = { limit: Number.isFinite(limit) ? limit : null, needed, handles: handleCount }
  const shown = Number.isFinite(limit) ? String(limit) : 'unlimited'
  if (limit < needed) {
    const message = `limit ${shown}; a pool of ${handleCount} handles may need ${needed}: raise it with ulimit -n`
    return { status: 'fail', message, facts }
  }
  return { status: 'ok', message: `limit ${shown}, a pool of ${handleCount} handles needs up to ${needed}`, facts }
}
