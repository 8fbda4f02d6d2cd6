/**
 * The files of ledgers on the real file system, with a memory of what no fsync has reached: bytes and names. `loseFrom`
 * then makes of a copy what a power cut might have left. No fsync is real: what they promise is kept here.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { sleep, systemClock } from '@tenax/kernel'
import { fsSegmentFiles, type SegmentFile, type SegmentFiles } from '@tenax/ledger'
import type { CrashClock } from '../faults/crash-clock.ts'
import type { Seeded } from '../seeded.ts'
import { type LooseWrite, survivingBytes, withBytes } from './survivors.ts'

interface Content {
  durable: Buffer
  /** As the process sees it. */
  whole: Buffer
  writes: LooseWrite[]
}

interface NameChange {
  readonly path: string
  readonly content: Content | undefined
}

/** What a disk is made of. `lies` makes each fsync of a segment come to nothing, which every check must find. */
export interface LooseDiskOptions {
  readonly clock: CrashClock
  readonly lies: boolean
  /** What an fsync of a segment takes: more than anything that does not wait for it, so that who goes on too early is seen. */
  readonly syncMs?: number
}

/** A disk that can lose its power. */
export class LooseDisk implements SegmentFiles {
  readonly #clock: CrashClock
  readonly #lies: boolean
  readonly #syncMs: number
  readonly #files = new Map<string, Content>()
  readonly #durableNames = new Map<string, Content>()
  #changes: NameChange[] = []
  /** Every segment that ever had its name, removed or not: the uninterrupted history. */
  readonly #history = new Map<string, Content>()

  constructor({ clock, lies, syncMs = 0 }: LooseDiskOptions) {
    this.#clock = clock
    this.#lies = lies
    this.#syncMs = syncMs
  }

  makeDirectory(directory: string): Promise<void> {
    return this.#counted(() => fsSegmentFiles.makeDirectory(directory))
  }

  list(directory: string): Promise<string[]> {
    return fsSegmentFiles.list(directory)
  }

  async open(path: string, mode: 'create' | 'read'): Promise<SegmentFile> {
    if (mode === 'read') return fsSegmentFiles.open(path, mode)
    return this.#counted(async () => {
      const file = await fsSegmentFiles.open(path, mode)
      const content: Content = { durable: Buffer.alloc(0), whole: Buffer.alloc(0), writes: [] }
      this.#name(path, content)
      return this.#watched(file, content)
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.#counted(async () => {
      await fsSegmentFiles.rename(from, to)
      const content = this.#files.get(from)
      this.#unname(from)
      if (content !== undefined) this.#name(to, content)
    })
  }

  remove(path: string): Promise<void> {
    return this.#counted(async () => {
      await fsSegmentFiles.remove(path)
      this.#unname(path)
    })
  }

  syncDirectory(directory: string): Promise<void> {
    return this.#counted(async () => {
      const isInside = ({ path }: NameChange) => path.startsWith(`${directory}/`)
      for (const { path, content } of this.#changes.filter(isInside)) {
        if (content === undefined) this.#durableNames.delete(path)
        else this.#durableNames.set(path, content)
      }
      this.#changes = this.#changes.filter((change) => !isInside(change))
    })
  }

  #name(path: string, content: Content): void {
    this.#files.set(path, content)
    this.#changes.push({ path, content })
    if (path.endsWith('.seg')) this.#history.set(path, content)
  }

  #unname(path: string): void {
    this.#files.delete(path)
    this.#changes.push({ path, content: undefined })
  }

  async #counted<T>(deed: () => Promise<T>): Promise<T> {
    this.#clock.tick()
    const result = await deed()
    this.#clock.tick()
    return result
  }

  #watched(file: SegmentFile, content: Content): SegmentFile {
    return {
      write: (bytes, offset) => {
        // A write may be anywhere on its way when the power goes, so it is loose from its first moment.
        const copy = Buffer.from(bytes)
        content.writes.push({ offset, bytes: copy })
        content.whole = withBytes(content.whole, copy, offset)
        return this.#counted(() => file.write(copy, offset))
      },
      sync: () => {
        const covered = content.writes.length
        return this.#counted(async () => {
          if (this.#syncMs > 0) await sleep(systemClock, this.#syncMs)
          if (this.#lies) return
          for (const { offset, bytes } of content.writes.splice(0, covered)) {
            content.durable = withBytes(content.durable, bytes, offset)
          }
        })
      },
      read: (into, offset) => file.read(into, offset),
      length: () => file.length(),
      close: () => file.close(),
    }
  }

  /** Writes into `ledgersPath`, a copy of the ledgers, what a power cut may have left of what is loose now. */
  loseFrom(ledgersPath: string, seeded: Seeded): void {
    const names = new Map(this.#durableNames)
    for (const { path, content } of this.#changes) {
      if (seeded.below(2) === 0) continue
      if (content === undefined) names.delete(path)
      else names.set(path, content)
    }
    const placeOf = (path: string) => join(ledgersPath, basename(join(path, '..')), basename(path))
    for (const { path } of this.#changes) rmSync(placeOf(path), { force: true })
    for (const path of this.#files.keys()) rmSync(placeOf(path), { force: true })
    for (const [path, { durable, writes }] of names) {
      writeFileSync(placeOf(path), survivingBytes(durable, writes, seeded))
    }
  }

  /** All that was ever written to the ledger in `directory`, as if nothing had been trimmed and nothing lost. */
  historyOf(directory: string): SegmentFiles {
    const segments = new Map<string, Buffer>()
    for (const [path, { whole }] of this.#history) {
      if (path.startsWith(`${directory}/`)) segments.set(basename(path), Buffer.from(whole))
    }
    return readOnly(segments)
  }
}

function readOnly(segments: ReadonlyMap<string, Buffer>): SegmentFiles {
  const refuse = () => Promise.reject(new Error('the history is read only'))
  return {
    list: () => Promise.resolve([...segments.keys()]),
    open: async (path) => {
      const bytes = segments.get(basename(path)) ?? Buffer.alloc(0)
      return {
        read: async (into, offset) => {
          const found = bytes.subarray(offset, offset + into.length)
          into.set(found)
          return found.length
        },
        length: () => Promise.resolve(bytes.length),
        close: () => Promise.resolve(),
        write: refuse,
        sync: refuse,
      }
    },
    makeDirectory: refuse,
    rename: refuse,
    remove: refuse,
    syncDirectory: refuse,
  }
}
