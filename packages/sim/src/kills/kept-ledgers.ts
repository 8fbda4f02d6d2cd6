/** Reads what a kill has left of the ledgers, with the segments that were trimmed, into the replay. */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { messageOf } from '@tenax/kernel'
import { forEachRecord, fsSegmentFiles, parseLedgerDirectoryName, type SegmentFiles } from '@tenax/ledger'
import type { Replay } from '../power/replay.ts'
import { keptBases } from './kept-bases.ts'
import { beginAtRest } from './recovered-files.ts'

/** Where ledgers lie, and where their removed segments were kept. */
export interface KeptPaths {
  readonly ledgersPath: string
  readonly keptPath: string
}

/** All ledgers of a chain of lives, each record taken once. */
export class KeptLedgers {
  readonly #paths: KeptPaths
  readonly #replay: Replay
  /** Ledgers by name, with the number of the last record that was in them when their writer was killed. */
  readonly #taken = new Map<string, number>()
  /** The number of the last record that was taken while its writer waited. */
  readonly #looked = new Map<string, number>()
  readonly faults: string[] = []

  constructor(paths: KeptPaths, replay: Replay) {
    this.#paths = paths
    this.#replay = replay
  }

  /** Leaves out what the ledgers hold by now: the replay begins with the files that they have led to. */
  async pass(): Promise<void> {
    for (const name of this.#names()) {
      const { lastSeq } = await forEachRecord(
        { directory: join(this.#paths.ledgersPath, name), files: fsSegmentFiles },
        () => undefined,
      )
      this.#taken.set(name, lastSeq)
    }
  }

  #names(): string[] {
    const { ledgersPath } = this.#paths
    const names = existsSync(ledgersPath) ? readdirSync(ledgersPath) : []
    return names.filter((name) => parseLedgerDirectoryName(name) !== undefined).sort()
  }

  /** Takes what a recovery has committed of its own: the stamps of suspended tenants. Its process waits. */
  async look(): Promise<void> {
    for (const name of this.#names()) {
      if (this.#taken.has(name)) continue
      this.#looked.set(name, await this.#replayLedger(name, 0))
    }
  }

  /** Takes what is new since the last kill. Nobody is at work on the ledgers. */
  async take(): Promise<void> {
    const { keptPath } = this.#paths
    for (const path of keptBases(keptPath)) beginAtRest(this.#replay, path)
    for (const name of this.#names()) {
      try {
        await this.#takeLedger(name)
      } catch (error) {
        this.faults.push(`ledger ${name} after a kill: ${messageOf(error)}`)
      }
    }
    for (const name of readdirSync(keptPath)) rmSync(join(keptPath, name), { recursive: true, force: true })
  }

  async #takeLedger(name: string): Promise<void> {
    const known = this.#taken.get(name)
    const lastSeq = await this.#replayLedger(name, known ?? this.#looked.get(name) ?? 0)
    // A recovery reads it and writes into another one (LEDGER F4).
    if (known !== undefined && lastSeq !== known) {
      this.faults.push(`ledger ${name} had ${known} records when its writer was killed, and has ${lastSeq} now`)
    }
    this.#taken.set(name, lastSeq)
  }

  /** Takes the entries behind record `takenSeq`, and gives the number of the last record. */
  async #replayLedger(name: string, takenSeq: number): Promise<number> {
    const { ledgersPath, keptPath } = this.#paths
    const source = { directory: join(ledgersPath, name), files: withKept(join(keptPath, name)) }
    const { lastSeq } = await forEachRecord(source, ({ record, seq }) => {
      if (seq <= takenSeq || record.kind !== 'entry') return
      this.#replay.see(record)
      this.#replay.take(record)
    })
    return lastSeq
  }
}

/** The real files, with those in `keptPath` beside them. */
function withKept(keptPath: string): SegmentFiles {
  const kept = new Set(existsSync(keptPath) ? readdirSync(keptPath) : [])
  return {
    ...fsSegmentFiles,
    list: async (directory) => [...new Set([...(await fsSegmentFiles.list(directory)), ...kept])],
    open: (path, mode) => {
      const isKept = kept.has(basename(path)) && !existsSync(path)
      return fsSegmentFiles.open(isKept ? join(keptPath, basename(path)) : path, mode)
    },
  }
}
