/**
 * The mark that outlives a process: which run stood on the event loop when the process ended. Written by the thread that
 * watches the loop, removed when the loop turns again; whoever finds it at the next start knows who was at fault, and that
 * nobody else was (WORKFLOWS 28, 29).
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import type { RunName } from './loop-note.ts'

/** A run that stood on the loop. `isKilled`: the watcher has ended the process for it. `epoch`: that process, as it was told. */
export interface StallMark extends RunName {
  readonly epoch: number
  readonly isKilled: boolean
}

/** Writes the mark, durably as far as the file goes: what follows may be the end of the process. */
export function writeStallMark(path: string, { epoch, tenant, run, isKilled }: StallMark): void {
  const fresh = `${path}.new`
  const descriptor = openSync(fresh, 'w', 0o600)
  try {
    writeSync(descriptor, `${JSON.stringify({ format: 1, epoch, tenant, run, isKilled })}\n`)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(fresh, path)
}

/** The mark that a process has left; undefined when there is none, or none that can be read. */
export function readStallMark(path: string): StallMark | undefined {
  try {
    const mark: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof mark !== 'object' || mark === null || !('format' in mark) || mark.format !== 1) return undefined
    const { epoch, tenant, run, isKilled } = mark as Readonly<Record<string, unknown>>
    if (typeof tenant !== 'string' || typeof run !== 'string' || typeof epoch !== 'number') return undefined
    return { epoch, tenant, run, isKilled: isKilled === true }
  } catch {
    return undefined // it only sharpens what is known without it
  }
}

/** Removes the mark, if there is one. */
export function removeStallMark(path: string): void {
  rmSync(path, { force: true })
}

/** Writes a line to stderr from a thread whose own `process.stderr` would wait for the loop that it watches. */
export function writeStderr(line: string): void {
  writeSync(2, `${line}\n`)
}
