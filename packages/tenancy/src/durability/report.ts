/** How far a tenant's commits are, and the wait until one of them has its class (LEDGER P1). */
import { type Clock, type DurabilityClass, type Lineage, sleep, type TenantId } from '@tenax/kernel'
import { DURABILITY_LOOK_MS } from '../limits.ts'
import type { Tenancy } from '../tenancy.ts'

/** The commit to wait for, and the class that it shall have. */
export interface DurabilityWait {
  readonly lineage: string
  readonly lsn: bigint
  readonly durability: DurabilityClass
  readonly timeoutMs: number
}

/** A tenant's position, by class. */
export interface DurabilityReport {
  readonly lineage: Lineage
  /** Number of the last commit. */
  readonly committed: bigint
  /** Number of the last commit that is fsynced in the ledger. */
  readonly local: bigint
  /** As `local`, in object storage; undefined without one. It may be an earlier one while many wait. */
  readonly remote: bigint | undefined
  /** How the wait ended: `lost` when that history has ended. Undefined when nothing was waited for. */
  readonly waited: 'reached' | 'timeout' | 'lost' | undefined
}

interface Look {
  readonly report: DurabilityReport
  readonly settled: Promise<void>
}

/**
 * Reports how far a tenant's commits are, after the wait if one is asked for. It opens the tenant if needed, and holds
 * nothing of it while it waits.
 *
 * @throws TenaxError `remote_not_configured`, `outcome_unknown` when the ledger fails meanwhile, by the tenant's state
 */
export async function reportDurability(
  { tenancy, clock }: { readonly tenancy: Tenancy; readonly clock: Clock },
  id: TenantId,
  wait?: DurabilityWait,
): Promise<DurabilityReport> {
  if (wait === undefined) return (await look(tenancy, id, 'local')).report
  tenancy.classes.promised(wait.durability)
  const untilMs = clock.monotonicMs() + wait.timeoutMs
  for (;;) {
    const { report, settled } = await look(tenancy, id, wait.durability)
    const ended = endOf(wait, report)
    if (ended !== undefined) return { ...report, waited: ended }
    const leftMs = untilMs - clock.monotonicMs()
    if (leftMs <= 0) return { ...report, waited: 'timeout' }
    // A commit that is not there yet is looked for; nobody tells of it.
    const isThere = report.committed >= wait.lsn
    await (isThere ? within(clock, leftMs, settled) : sleep(clock, Math.min(leftMs, DURABILITY_LOOK_MS)))
  }
}

function look(tenancy: Tenancy, id: TenantId, durability: DurabilityClass): Promise<Look> {
  return tenancy.use(id, async (handle) => {
    const { committedLsn: committed, durableLsn: local, storedLsn } = handle.progress()
    const remote = tenancy.isStored ? storedLsn : undefined
    const settled = durability === 'remote' ? handle.stored() : handle.settled()
    settled.catch(() => undefined) // told to whoever waits for it
    return { report: { lineage: handle.meta.lineage, committed, local, remote, waited: undefined }, settled }
  })
}

function endOf({ lineage, lsn, durability }: DurabilityWait, report: DurabilityReport): 'reached' | 'lost' | undefined {
  if (report.lineage !== lineage) return 'lost'
  const { committed, local, remote = -1n } = report
  return { relaxed: committed, local, remote }[durability] >= lsn ? 'reached' : undefined
}

/** Waits for `settled`, at most `timeoutMs`. */
async function within(clock: Clock, timeoutMs: number, settled: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = clock.after(timeoutMs, resolve)
  try {
    await Promise.race([settled, promise])
  } finally {
    timer.cancel()
  }
}
