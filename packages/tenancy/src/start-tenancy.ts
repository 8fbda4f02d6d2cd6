/** The start of a tenancy: the directory is locked, the ledgers are read, and every file is as they say. */
import { fsSegmentFiles } from '@tenax/ledger'
import { allCollected, collectClosed, hostFailure } from '@tenax/sqlite'
import { type StoppedAtStart, startDataDirectory } from './durability/start.ts'
import { type Measured, type SyncTimes, timedFiles } from './durability/timed-files.ts'
import { guardDisk } from './files/disk-guard.ts'
import { openData } from './files/recover/open-or-recover.ts'
import { ScratchFiles } from './files/scratch-files.ts'
import { type LeftBehind, takeBackAll } from './lent/lend.ts'
import { tellRecovery } from './recovery.ts'
import type { TenancyComponents, TenancySettings, VerbContext } from './tenancy-port.ts'
import { Transfers } from './transfers.ts'

/** A directory that is ready to serve. Whoever has it releases `base.data`. */
export interface StartedTenancy {
  readonly base: Omit<VerbContext, 'pool' | 'template' | 'storeBase'>
  readonly measured: Measured
  /** Tenants whose files other processes have still. */
  readonly left: readonly LeftBehind[]
  /** Tenants that this start has stopped. */
  readonly stopped: readonly StoppedAtStart[]
  /** Whether there was a ledger before. */
  readonly hadLedger: boolean
}

/** @throws TenaxError `data_in_use`, `data_format_newer`, `data_format_invalid`, `ledger_damaged`, `ledger_fenced`, `storage_full` */
export async function startTenancy(settings: TenancySettings, components: TenancyComponents): Promise<StartedTenancy> {
  const { driver, clock, randomId, onFatal, onEvent, store, ledgerFiles = fsSegmentFiles } = components
  const data = await openData(settings, components)
  try {
    const syncs: SyncTimes = { count: 0, durationMs: 0 }
    const startedMs = clock.monotonicMs()
    const left = await takeBackAll(data.layout, settings, components)
    await allCollected() // connections of a start that failed in this process
    const { ledger, directory, shards, redoneCount, stopped, hadLedger } = await startDataDirectory({
      ...{ data, driver, clock, randomId, onFatal },
      fileSettings: settings.file,
      settings: settings.ledger,
      ledgerBytesMax: settings.ledgerBytesMax,
      files: timedFiles(ledgerFiles, clock, syncs),
      ...(store === undefined ? {} : { stored: { store, onEvent } }),
    })
    const recoveryMs = clock.monotonicMs() - startedMs
    tellRecovery(components, shards, redoneCount)
    const [transfers, files] = [new Transfers(), new ScratchFiles(data.layout, randomId)]
    const disk = guardDisk({ data, settings, components })
    const base = { data, directory, settings, components, ledger, transfers, files, disk }
    return { base, measured: { syncs, recoveryMs }, left, stopped, hadLedger }
  } catch (error) {
    data.release()
    void collectClosed() // descriptors of catalogs that were opened before the failure
    throw hostFailure(error)
  }
}
