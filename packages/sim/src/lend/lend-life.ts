/** One life of a host that lends a tenant's file and takes it back, and dies at its k-th event in there, or in its start. */
import { isTenaxError, parseTenantId, systemClock } from '@tenax/kernel'
import { fsSegmentFiles } from '@tenax/ledger'
import { libsqlDriver } from '@tenax/sqlite'
import { LentTenant, standardSettings, type Tenancy } from '@tenax/tenancy'
import { sayLine } from '../child.ts'
import { CrashClock } from '../faults/crash-clock.ts'
import { tickingDriver } from '../faults/ticking-driver.ts'
import { tickingFiles } from '../faults/ticking-files.ts'
import { watchFiles } from '../faults/watched-fs.ts'
import { openHost } from '../host.ts'

const ACME = parseTenantId('acme')

/** What a life is told to do. */
export interface LendLifeOptions {
  readonly dataPath: string
  readonly phase: 'start' | 'handover'
  /** It dies at this event of its phase. */
  readonly eventCount: number
}

/** What it says. `made` is said when the row is durable; `home` when the file is back. */
export type LendLine =
  | { readonly type: 'rows'; readonly rows: readonly number[] }
  | { readonly type: 'made'; readonly row: number }
  | { readonly type: 'started' | 'home' }
  | { readonly type: 'fault'; readonly text: string }

/** Where rows are written: at home, or where the file is lent to. */
interface Place {
  use: Tenancy['use'] | LentTenant['use']
}

function say(line: LendLine): void {
  sayLine(JSON.stringify(line))
}

/** Rows that are written at each place. */
const ROWS_EACH = 2

/** Lives. */
export async function lendOn({ dataPath, phase, eventCount }: LendLifeOptions): Promise<void> {
  const clock = new CrashClock(() => void process.kill(process.pid, 'SIGKILL'))
  if (phase === 'start') clock.set(eventCount)
  watchFiles({
    onSync: () => {
      clock.tick()
      return undefined
    },
    onName: () => clock.tick(),
  })
  const driver = tickingDriver(libsqlDriver, { clock })
  const tenancy = await openHost({
    ...{ dataPath, handlesMax: 8, shardCount: 1, driver, ledgerFiles: tickingFiles(fsSegmentFiles, clock) },
    onEvent: (event) => {
      if (event.type === 'quarantined') say({ type: 'fault', text: JSON.stringify(event) })
    },
  })
  let row = await lastRow(tenancy)
  say({ type: 'started' })
  const write = async ({ use }: Place) => {
    for (let count = 0; count < ROWS_EACH; count += 1) {
      row += 1
      await use(ACME, async (handle) => {
        await handle.execute('INSERT INTO t VALUES (?)', { positional: [BigInt(row)], named: [] })
        await handle.settled()
      })
      say({ type: 'made', row })
    }
  }
  const home: Place = { use: (id, fn) => tenancy.use(id, fn) }
  await write(home)
  if (phase === 'handover') clock.set(eventCount)
  await tenancy.lend(ACME, async (directory) => {
    const settings = standardSettings(dataPath).file
    const lent = LentTenant.open({ directory, tenant: ACME, driver, clock: systemClock, settings, pid: process.pid })
    await write({ use: (id, fn) => lent.use(id, fn) })
    await lent.close()
  })
  say({ type: 'home' })
  await write(home)
  process.kill(process.pid, 'SIGKILL')
}

async function lastRow(tenancy: Tenancy): Promise<number> {
  const none = { positional: [], named: [] }
  await tenancy.create(ACME).catch((error: unknown) => {
    if (!isTenaxError(error, 'tenant_exists')) throw error
  })
  const rows = await tenancy.use(ACME, async (handle) => {
    await handle.execute('CREATE TABLE IF NOT EXISTS t (n)', none)
    return (await handle.execute('SELECT n FROM t ORDER BY n', none)).rows.map(([n]) => Number(n))
  })
  say({ type: 'rows', rows })
  return rows.at(-1) ?? 0
}
