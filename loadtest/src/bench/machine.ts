/** Where and on what a bench ran: without it, its figures say nothing. */
import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { libsqlDriver } from '@tenax/sqlite'
import { bytesFigure, figure } from '../markdown.ts'
import { type LatencySummary, summarise } from '../statistics.ts'
import { scratchDirectory } from './fixture.ts'

/** The machine and the commit. */
export interface Machine {
  readonly processor: string
  readonly coreCount: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly node: string
  /** The engine's version of SQLite. */
  readonly sqlite: string
  /** Short; `-dirty` behind it when the tree differs from it. */
  readonly commit: string
  /** Processes that wanted to run during the last minute, when the bench began: above 0 it shared the machine. */
  readonly loadAverage: number
}

/** Looks at the machine. */
export function describeMachine(): Machine {
  const processors = cpus()
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    coreCount: processors.length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    sqlite: sqliteVersion(),
    commit: commitOf(),
    loadAverage: loadavg()[0] ?? Number.NaN,
  }
}

function sqliteVersion(): string {
  const connection = libsqlDriver.open(':memory:')
  try {
    return String(connection.prepare('select sqlite_version()').get()?.[0])
  } finally {
    connection.close()
  }
}

/** The machine and its disk as lines of a report. */
export function machineLines(machine: Machine, disk: LatencySummary): string[] {
  const { coreCount, processor, memoryBytes, kernel, node, sqlite, loadAverage } = machine
  return [
    `* machine: ${coreCount} × ${processor}, ${bytesFigure(memoryBytes)} of memory, Linux ${kernel}, Node ${node}, SQLite ${sqlite}`,
    `* load average when it began: ${figure(loadAverage)}`,
    `* disk: write and fdatasync of 4 KiB p50 ${figure(disk.p50Ms)} ms, p99 ${figure(disk.p99Ms)} ms`,
  ]
}

/** The commit of the tree that this file is in; `unknown` outside of git. */
function commitOf(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
  try {
    return `${git('rev-parse', '--short=12', 'HEAD')}${git('status', '--porcelain') === '' ? '' : '-dirty'}`
  } catch {
    return 'unknown'
  }
}

const SYNCS = 300
const SYNC_BYTES = 4096

/** Appends of 4 KiB, each followed by fdatasync, on the disk that the bench's data is on. */
export function measureDisk(): LatencySummary {
  using scratch = scratchDirectory()
  const descriptor = openSync(join(scratch.path, 'sync'), 'w')
  const block = Buffer.alloc(SYNC_BYTES, 1)
  try {
    return summarise(
      Array.from({ length: SYNCS }, () => {
        const startMs = performance.now()
        writeSync(descriptor, block)
        fdatasyncSync(descriptor)
        return performance.now() - startMs
      }),
    )
  } finally {
    closeSync(descriptor)
  }
}
