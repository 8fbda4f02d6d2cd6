/** What Linux says about another process, from /proc. */
import { readdirSync, readFileSync } from 'node:fs'

/** Processor time that a process has used since its start, in milliseconds. */
export interface CpuUse {
  /** Its first thread: Node's event loop. */
  readonly loopMs: number
  /** All threads that live. */
  readonly totalMs: number
}

/** Resident memory of `pid`, in bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? Number.NaN) * 1024
}

/** Open descriptors of `pid`. */
export function descriptorCount(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Processor time of `pid`. Less noisy than requests per second where others use the machine too. */
export function cpuUse(pid: number): CpuUse {
  const threads = readdirSync(`/proc/${pid}/task`)
  const totalMs = threads.reduce((sum, thread) => sum + threadMs(`/proc/${pid}/task/${thread}/schedstat`), 0)
  return { loopMs: threadMs(`/proc/${pid}/schedstat`), totalMs }
}

/** How long the first thread of `pid` has waited for a processor since its start, in milliseconds. */
export function waitedMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6
}

/** Bytes that `pid` has handed to the kernel to write since its start. */
export function writtenBytes(pid: number): number {
  const line = /^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))
  return Number(line?.[1] ?? Number.NaN)
}

/** A thread may end while it is looked at: it counts as nothing then. */
function threadMs(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8').split(' ', 1)[0]) / 1e6
  } catch {
    return 0
  }
}
