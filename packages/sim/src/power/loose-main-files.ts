/**
 * What no fsync has reached in the main files of one data directory: between two fsyncs of a file its bytes as of the first
 * are kept, and of the pages that checkpoints have written since, a power cut leaves any subset.
 *
 * Each file is read through one descriptor that stays open until the end: closing it would drop SQLite's locks (LEDGER C5).
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import type { EngineDriver } from '@tenax/sqlite'
import type { CrashClock } from '../faults/crash-clock.ts'
import { tickingDriver } from '../faults/ticking-driver.ts'
import { watchFiles } from '../faults/watched-fs.ts'
import type { Seeded } from '../seeded.ts'
import { survivingPages } from './survivors.ts'

interface MainFile {
  readonly descriptor: number
  synced: Buffer
  /** A log that the file had before its last checkpoint, or its present one. */
  formerLog: Buffer | undefined
}

/** What the watch is made of. `lies` makes each fsync of a main file come to nothing, which every check must find. */
export interface LooseMainFilesOptions {
  readonly dataPath: string
  readonly clock: CrashClock
  readonly lies: boolean
}

/** The main files of a data directory, watched from when they are first opened. */
export class LooseMainFiles {
  readonly #options: LooseMainFilesOptions
  readonly #files = new Map<string, MainFile>()
  readonly #endWatch: () => void
  /** How many fsyncs of main files were seen. */
  syncCount = 0

  constructor(options: LooseMainFilesOptions) {
    this.#options = options
    this.#endWatch = watchFiles({
      onSync: (descriptor) => this.#onSync(descriptor),
      onName: () => options.clock.tick(),
    })
  }

  /** `driver`, watched. */
  watch(driver: EngineDriver): EngineDriver {
    const { dataPath, clock } = this.#options
    const live = join(dataPath, 'shards')
    return tickingDriver(driver, {
      clock,
      onOpen: (path) => {
        if (path.startsWith(live)) this.#follow(path)
      },
      onCheckpoint: (path) => {
        const file = this.#files.get(path)
        if (file !== undefined) file.formerLog = existsSync(`${path}-wal`) ? readFileSync(`${path}-wal`) : undefined
      },
    })
  }

  #follow(path: string): void {
    if (this.#files.has(path)) return
    // Under another name, so that the host does not take it for a closed connection of its own that lingers.
    const otherName = `${path}.watched`
    linkSync(path, otherName)
    const descriptor = openSync(otherName, 'r')
    unlinkSync(otherName)
    this.#files.set(path, { descriptor, synced: readWhole(descriptor), formerLog: undefined })
  }

  #onSync(descriptor: number): (() => void) | undefined {
    const file = this.#files.get(readlinkSync(`/proc/self/fd/${descriptor}`))
    if (file === undefined) return undefined
    const bytes = readWhole(file.descriptor)
    this.syncCount += 1
    this.#options.clock.tick()
    return () => {
      if (!this.#options.lies) file.synced = bytes
      this.#options.clock.tick()
    }
  }

  /** Changes `copyPath`, a copy of the data directory, into what a power cut may have left of main files and logs. */
  loseFrom(copyPath: string, seeded: Seeded): void {
    for (const [path, file] of this.#files) {
      const copy = join(copyPath, relative(this.#options.dataPath, path))
      if (!existsSync(copy)) continue // the tenant was deleted
      writeFileSync(copy, survivingPages(file.synced, readFileSync(copy), seeded))
      loseLog(copy, file.formerLog, seeded)
    }
  }

  /** Lets go of the files. Everything that had them open is closed. */
  end(): void {
    this.#endWatch()
    for (const { descriptor } of this.#files.values()) closeSync(descriptor)
    this.#files.clear()
  }
}

/** The log and its index are there, gone, torn or those of another time. */
function loseLog(path: string, formerLog: Buffer | undefined, seeded: Seeded): void {
  const fate = seeded.pick(['as it is', 'gone', 'torn', 'former'] as const)
  const present = existsSync(`${path}-wal`) ? readFileSync(`${path}-wal`) : Buffer.alloc(0)
  if (fate === 'gone') rmSync(`${path}-wal`, { force: true })
  else if (fate === 'torn') writeFileSync(`${path}-wal`, present.subarray(0, seeded.below(present.length + 1)))
  else if (fate === 'former' && formerLog !== undefined) {
    writeFileSync(
      `${path}-wal`,
      formerLog.subarray(0, seeded.pick([formerLog.length, seeded.below(formerLog.length + 1)])),
    )
  }
  const index = seeded.pick(['as it is', 'gone', 'zeros'] as const)
  if (index === 'gone') rmSync(`${path}-shm`, { force: true })
  else if (index === 'zeros') writeFileSync(`${path}-shm`, Buffer.alloc(32_768))
}

function readWhole(descriptor: number): Buffer {
  const bytes = Buffer.alloc(fstatSync(descriptor).size)
  const readBytes = readSync(descriptor, bytes, 0, bytes.length, 0)
  return bytes.subarray(0, readBytes)
}
