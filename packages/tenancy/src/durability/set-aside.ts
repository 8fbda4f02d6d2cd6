/** At a start: what the ledgers hold of stopped tenants goes into side ledgers, before the ledgers that hold it go (LEDGER K3). */
import { join } from 'node:path'
import type { Incarnation, RandomId } from '@tenax/kernel'
import { forEachRecord } from '@tenax/ledger'
import type { DataDirectory } from '../files/data-directory.ts'
import type { LedgerRecoveryOptions, RecoveredLedgers } from '../files/recover-ledgers.ts'
import { SideLedger, type SideLedgerOptions } from '../files/side-ledger.ts'
import { QUARANTINE_DIRECTORY } from '../files/tenant-files.ts'
import type { HostLedger } from './host-ledger.ts'

/** What a side ledger of any tenant needs. */
export interface SideLedgerContext extends Pick<SideLedgerOptions, 'files' | 'clock' | 'epoch'> {
  readonly data: DataDirectory
  readonly randomId: RandomId
}

/** A new side ledger for a tenant of `shard`. */
export function newSideLedger(context: SideLedgerContext, shard: number, incarnation: Incarnation): SideLedger {
  const { data, files, clock, epoch, randomId } = context
  return new SideLedger({
    directory: join(data.layout.tenantDirectory(shard, incarnation), QUARANTINE_DIRECTORY),
    ...{ files, clock, epoch, nonce: randomId(), dataId: data.identity.dataId },
  })
}

/** A stopped tenant of which a ledger that was found has something. */
export interface StoppedFile {
  readonly incarnation: Incarnation
  readonly shard: number
}

/**
 * Sets aside what the ledgers that a start has found hold of `stopped`; then the new ledger lets go of them. Gives how many
 * entries there were of each.
 */
export async function setAside(
  options: LedgerRecoveryOptions,
  recovered: RecoveredLedgers,
  { stopped, ledger }: { readonly stopped: readonly StoppedFile[]; readonly ledger: HostLedger },
): Promise<ReadonlyMap<Incarnation, number>> {
  const counts = new Map<Incarnation, number>()
  if (stopped.length === 0) return counts
  const { files } = recovered.source
  const context = { ...options, files, epoch: recovered.epoch }
  const sides = new Map(stopped.map(({ shard, incarnation: name }) => [name, newSideLedger(context, shard, name)]))
  try {
    for (const { directory, epoch } of recovered.found) {
      await forEachRecord({ directory, files }, ({ record }) =>
        'incarnation' in record ? sides.get(record.incarnation)?.take(epoch, record) : undefined,
      )
    }
    for (const [incarnation, side] of sides) counts.set(incarnation, await side.finish())
  } catch (error) {
    for (const side of sides.values()) await side.abandon()
    throw error
  }
  for (const incarnation of sides.keys()) ledger.forget(incarnation)
  return counts
}
