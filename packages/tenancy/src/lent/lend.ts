/**
 * Lending a tenant's file to another process, and taking it back (WORKFLOWS 28).
 *
 *   at home ──closed, forgotten by the ledger, renamed──► lent ──its process is gone, settled, renamed──► at home
 *
 * Invariants:
 *  1. Before the file leaves, the main file holds all of it, and the ledger has forgotten the tenant, durably: no start ever
 *     lays older pages over what is committed elsewhere, nor misses the commits between.
 *  2. Before it leaves, and before it comes back, no connection of this process has it, not even one that lingers.
 *  3. Who has it holds the place's lock; nobody else opens it there.
 */
import { InvariantError, messageOf, sleep, type TenantId, TenaxError } from '@tenax/kernel'
import { isLogEmpty, type LentPlace, listLent, moveHome, moveOut } from '../files/lent-files.ts'
import { TAKE_BACK_MS, TAKE_BACK_TRIES_MAX } from '../limits.ts'
import type { TenancyComponents, TenancySettings, VerbContext } from '../tenancy-port.ts'
import { refuseIfHeld, type SettleContext, settlePlace } from './settle.ts'

/** The error of a tenant that another process has for a while. */
export function lentAway(id: TenantId): TenaxError {
  return new TenaxError('tenant_in_transition', `tenant "${id}" is lent to a process of its own`, {
    hint: 'ask again; it comes back within a minute or so',
  })
}

/**
 * Lends the file of `id` while `work` runs, which has ended, and whatever it started, when it resolves. The caller sees to it
 * that nobody opens the tenant meanwhile.
 *
 * @throws TenaxError `unavailable` when the file could not be closed, then nothing has changed; what `work` throws
 */
export async function lendTenant<T>(
  context: VerbContext,
  id: TenantId,
  work: (directory: string) => Promise<T>,
): Promise<T> {
  const { directory, data, components, settings } = context
  const record = directory.get(id)
  const { shard } = directory.catalogOf(id)
  const place = await takeOut(context, id)
  try {
    return await work(place)
  } finally {
    const lent = { shard, incarnation: record.incarnation, directory: place, file: record.file }
    const again = () => settlePlace(settleContext(components, settings), lent)
    await patiently(again, components)
    moveHome(data.layout, lent)
  }
}

async function takeOut({ pool, directory, data, ledger }: VerbContext, id: TenantId): Promise<string> {
  const record = directory.get(id)
  const { shard } = directory.catalogOf(id)
  const path = data.layout.tenantFile(shard, record)
  pool.peek(id)?.fence(lentAway(id))
  let place = ''
  await pool.retire(id, 'fenced', async () => {
    await refuseIfHeld(path)
    if (!isLogEmpty(path))
      throw new TenaxError('unavailable', 'the log of the file is not empty', { hint: 'try again' })
    ledger.forget(record.incarnation)
    await ledger.settled()
    place = moveOut(data.layout, shard, record)
  })
  return place
}

/** Until the file is back nobody is served; what is in the way may be a full disk, or a process that ends slowly. */
async function patiently(work: () => Promise<void>, { clock }: TenancyComponents): Promise<void> {
  for (let count = 1; ; count += 1) {
    try {
      return await work()
    } catch (error) {
      if (count === TAKE_BACK_TRIES_MAX || error instanceof InvariantError) throw error
      await sleep(clock, TAKE_BACK_MS)
    }
  }
}

/** What could not be taken back, with the reason. */
export interface LeftBehind extends LentPlace {
  readonly reason: string
}

/** At a start, before anything else of the data directory is touched: takes back what a process had lent that is gone. */
export async function takeBackAll(
  layout: VerbContext['data']['layout'],
  settings: TenancySettings,
  components: TenancyComponents,
): Promise<LeftBehind[]> {
  const left: LeftBehind[] = []
  for (const place of listLent(layout)) {
    try {
      await settlePlace(settleContext(components, settings), place)
      moveHome(layout, place)
    } catch (error) {
      left.push({ ...place, reason: messageOf(error) })
    }
  }
  return left
}

function settleContext({ driver, clock, pid }: TenancyComponents, { file }: TenancySettings): SettleContext {
  return { driver, clock, pid, settings: file, kill: (holder) => void process.kill(holder, 'SIGKILL') }
}
