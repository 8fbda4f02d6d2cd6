/** Reads what a kill has left of the ledgers, with the segments that were trimmed, into the replay. */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { messageOf } from '@tenax/kernel'
import { forEachRecord, fsSegmentFiles, parseLedgerDirectoryName, type SegmentFiles } from '@tenax/ledger'
import type { Replay } from '../power/replay.ts'

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

  /** Takes what is new since the last kill. Nobody is at work on the ledgers. */
  async take(): Promise<void> {
    const { keptPath } = this.#paths
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
    const { ledgersPath, keptPath } = this.#paths
    const known = this.#taken.get(name)
    const source = { directory: join(ledgersPath, name), files: withKept(join(keptPath, name)) }
    const end = await forEachRecord(source, ({ record }) => {
      if (known !== undefined || record.kind !== 'entry') return
      this.#replay.see(record)
      this.#replay.take(record)
    })
    // A recovery reads it and writes into another one (LEDGER F4).
    if (known !== undefined && end.lastSeq !== known) {
      this.faults.push(`ledger ${name} had ${known} records when its writer was killed, and has ${end.lastSeq} now`)
    }
    this.#taken.set(name, end.lastSeq)
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
