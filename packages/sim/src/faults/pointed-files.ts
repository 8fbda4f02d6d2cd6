/**
 * The ledger's files on the real disk, with the points around appends, fsyncs and trims. A segment that is removed is kept
 * elsewhere under a second name, so that somebody else can read the whole ledger.
 */
import { linkSync, mkdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fsSegmentFiles, type SegmentFile, type SegmentFiles } from '@tenax/ledger'
import type { PointClock } from './point-clock.ts'

/** What the files are made of. */
export interface PointedOptions {
  readonly clock: PointClock
  readonly strike: () => void
  /** How much of a write is done when the process dies in its middle, from 0 to 1. */
  readonly fraction: number
  /** Where removed segments are kept. */
  readonly keptPath: string
  /** A disk that breaks its promise: each write waits for the next one, and no fsync brings it out. */
  readonly lies: boolean
}

/** The files of ledgers, with points. */
export function pointedFiles(options: PointedOptions): SegmentFiles {
  const { clock, keptPath } = options
  const passAny = () => clock.passAny()
  const passTrim = () => clock.pass('mid-trim')
  return {
    makeDirectory: (directory) => around(passAny, () => fsSegmentFiles.makeDirectory(directory)),
    list: (directory) => fsSegmentFiles.list(directory),
    open: async (path, mode) => {
      const file = await fsSegmentFiles.open(path, mode)
      return mode === 'read' ? file : pointedFile(file, { ...options, isSpare: path.endsWith('.spare') })
    },
    rename: (from, to) => around(passAny, () => fsSegmentFiles.rename(from, to)),
    remove: (path) => {
      if (!path.endsWith('.seg')) return fsSegmentFiles.remove(path)
      keepSegment(path, keptPath)
      return around(passTrim, () => fsSegmentFiles.remove(path))
    },
    syncDirectory: (directory) => fsSegmentFiles.syncDirectory(directory),
  }
}

function keepSegment(path: string, keptPath: string): void {
  const directory = join(keptPath, basename(dirname(path)))
  mkdirSync(directory, { recursive: true })
  linkSync(path, join(directory, basename(path)))
}

async function around<T>(pass: () => void, deed: () => Promise<T>): Promise<T> {
  pass()
  const result = await deed()
  pass()
  return result
}

function pointedFile(file: SegmentFile, options: PointedOptions & { readonly isSpare: boolean }): SegmentFile {
  const { clock, strike, fraction, lies } = options
  let late: (() => Promise<void>) | undefined
  // A spare is filled with zeros and synced once, in nobody's way: that is no append.
  let isFilling = options.isSpare
  const write = async (bytes: Uint8Array, offset: number): Promise<void> => {
    clock.pass('before append')
    if (clock.isDue('mid-append')) {
      await file.write(bytes.subarray(0, Math.floor(bytes.length * fraction)), offset)
      strike()
    }
    await file.write(bytes, offset)
  }
  return {
    write: async (bytes, offset) => {
      if (isFilling) return file.write(bytes, offset)
      if (!lies) return write(bytes, offset)
      await late?.()
      const copy = Buffer.from(bytes)
      late = () => write(copy, offset)
    },
    sync: async () => {
      if (isFilling) {
        isFilling = false
        return file.sync()
      }
      clock.pass('before fsync')
      await file.sync()
      clock.pass('after fsync')
    },
    read: (into, offset) => file.read(into, offset),
    length: () => file.length(),
    close: async () => {
      await late?.()
      await file.close()
    },
  }
}
