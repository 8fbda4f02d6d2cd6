/**
 * What the host's ledger holds of one tenant, copied into a ledger of its own beside the tenant's files (LEDGER K3): then
 * the host's ledger need not keep it for somebody who is stopped, perhaps for long.
 *
 * It is written under a name that no reader takes, and gets its own name when it is closed and fsynced: a crash leaves a
 * whole one or none. The host's ledger lets go of the tenant only after that.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, isTenaxError, TenaxError } from '@tenax/kernel'
import {
  type EntryRecord,
  Ledger,
  type LedgerRecord,
  ledgerDirectoryName,
  type SegmentFile,
  type SegmentFiles,
} from '@tenax/ledger'
import { SIDE_LEDGER_BUFFER_BYTES, SIDE_LEDGER_SETTINGS } from '../limits.ts'

/** What a side ledger is made with. */
export interface SideLedgerOptions {
  /** The tenant's `quarantine` directory. */
  readonly directory: string
  /** The epoch of the host's ledger, so that side ledgers of one tenant sort by their age. */
  readonly epoch: number
  readonly nonce: string
  readonly dataId: string
  readonly files: SegmentFiles
  readonly clock: Clock
}

const UNFINISHED = 'unfinished-'

/** A side ledger that is being written. Feed it all records of one tenant, oldest ledger first, one at a time. */
export class SideLedger {
  readonly #options: SideLedgerOptions
  readonly #unfinished: string
  #ledger: Ledger | undefined
  #last: { readonly epoch: number; readonly entry: EntryRecord } | undefined
  #checkpointedLsn = 0
  #entryCount = 0

  constructor(options: SideLedgerOptions) {
    this.#options = options
    this.#unfinished = join(options.directory, `${UNFINISHED}${options.nonce}`)
  }

  /**
   * Takes one record of the ledger `epoch`.
   *
   * @throws TenaxError `storage_full`; whatever else the disk fails with
   */
  async take(epoch: number, record: LedgerRecord): Promise<void> {
    if (record.kind === 'forget') return this.abandon() // what came before lies in an older side ledger
    if (record.kind === 'checkpoint') this.#checkpointedLsn = record.lsn
    else if (record.kind !== 'entry' || this.#isRepeated(epoch, record)) return
    else this.#count(epoch, record)
    if (this.#entryCount === 0) return
    this.#ledger ??= await this.#begin()
    if (this.#ledger.bufferedBytes > SIDE_LEDGER_BUFFER_BYTES) await durable(this.#ledger)
    this.#ledger.append(record)
  }

  /** A recovery that was cut short has copied what the older ledger still holds. */
  #isRepeated(epoch: number, { lsn, lineage }: EntryRecord): boolean {
    if (this.#last === undefined || epoch <= this.#last.epoch) return false
    return lsn <= this.#last.entry.lsn && lineage === this.#last.entry.lineage
  }

  #count(epoch: number, entry: EntryRecord): void {
    this.#last = { epoch, entry: { ...entry, pages: [] } }
    this.#entryCount += 1
  }

  async #begin(): Promise<Ledger> {
    const { directory, files, epoch, nonce, dataId, clock } = this.#options
    await files.makeDirectory(directory)
    for (const name of await files.list(directory)) {
      if (name.startsWith(UNFINISHED)) rmSync(join(directory, name), { recursive: true, force: true })
    }
    return Ledger.create({
      ...{ epoch, nonce, dataId, clock, directory: this.#unfinished, settings: SIDE_LEDGER_SETTINGS },
      files: withoutPatience(files),
      onFatal: () => undefined, // whoever waits for it hears of it
    })
  }

  /** Closes it, durably, under its own name. Gives its entries; 0 when there was nothing that a checkpoint has not moved. */
  async finish(): Promise<number> {
    const ledger = this.#ledger
    if (ledger === undefined) return 0
    if (this.#last !== undefined && this.#last.entry.lsn <= this.#checkpointedLsn) {
      await this.abandon()
      return 0
    }
    await durable(ledger)
    await ledger.close()
    const { directory, files, epoch, nonce } = this.#options
    await files.rename(this.#unfinished, join(directory, ledgerDirectoryName({ epoch, nonce })))
    await files.syncDirectory(directory)
    this.#ledger = undefined
    return this.#entryCount
  }

  /** Removes what was written so far. What is left in spite of it goes when the next one is begun. */
  async abandon(): Promise<void> {
    const ledger = this.#ledger
    this.#ledger = undefined
    this.#last = undefined
    this.#entryCount = 0
    this.#checkpointedLsn = 0
    if (ledger === undefined) return
    await ledger.close().catch(() => undefined) // it may have failed: it is removed either way
    rmSync(this.#unfinished, { recursive: true, force: true })
  }
}

/** As `durable`, with the disk's own failure: nothing was promised to anybody here. */
async function durable(ledger: Ledger): Promise<void> {
  try {
    await ledger.durable(ledger.appendedSeq)
  } catch (error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      if (isTenaxError(cause, 'storage_full')) throw cause
    }
    throw error
  }
}

/** A ledger waits for room on a full disk. Nobody waits for this one: its writer fails, and may be tried again. */
function withoutPatience(files: SegmentFiles): SegmentFiles {
  return {
    ...{ makeDirectory: (path) => files.makeDirectory(path), list: (path) => files.list(path) },
    ...{ rename: (from, to) => files.rename(from, to), remove: (path) => files.remove(path) },
    syncDirectory: (path) => files.syncDirectory(path),
    open: async (path, mode) => impatient(await files.open(path, mode)),
  }
}

function impatient(file: SegmentFile): SegmentFile {
  return {
    ...{ sync: () => file.sync(), length: () => file.length(), close: () => file.close() },
    read: (into, offset) => file.read(into, offset),
    async write(bytes, offset) {
      try {
        await file.write(bytes, offset)
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')))
          throw error
        throw new TenaxError('storage_full', 'the disk is full', { cause: error, hint: 'make room, then try again' })
      }
    },
  }
}
