/** One life of the lost-wake hunt, in a process that dies where it is told to, or when nothing is left to do. */
import { ENGINE_TABLES, Workflows } from '@tenax/engine'
import { parseTenantId, sleep, systemClock, type TenantId } from '@tenax/kernel'
import { fsSegmentFiles } from '@tenax/ledger'
import { libsqlDriver } from '@tenax/sqlite'
import { systemRandomId, type Tenancy } from '@tenax/tenancy'
import { sayLine } from '../child.ts'
import { CrashClock } from '../faults/crash-clock.ts'
import { type EngineMoment, tickingDriver } from '../faults/ticking-driver.ts'
import { tickingFiles } from '../faults/ticking-files.ts'
import { watchFiles } from '../faults/watched-fs.ts'
import { openHost } from '../host.ts'
import { Seeded } from '../seeded.ts'
import { WAKE_KINDS, WAKING_WORKFLOWS } from './waking-workflows.ts'

/** What a life is told to do. */
export interface WakeLifeOptions {
  readonly dataPath: string
  readonly seed: number
  /** Tenants that this life makes, each with runs: from `fromTenant` on. 0 makes it a life that touches no tenant. */
  readonly fromTenant: number
  readonly tenantCount: number
  /** Undefined lets it live until nothing is left to do. */
  readonly death: WakeDeath | undefined
}

/** It dies at the `eventCount`-th event from the start (0) or from the `hintCount`-th COMMIT of a catalog on. */
export interface WakeDeath {
  readonly hintCount: number
  readonly eventCount: number
}

/** What it says. */
export type WakeLine =
  | { readonly type: 'accepted'; readonly tenant: string; readonly run: string }
  | { readonly type: 'idle' }
  | { readonly type: 'fault'; readonly text: string }

function say(line: WakeLine): void {
  sayLine(JSON.stringify(line))
}

/** Tenants that are loaded at a time. */
const LOADERS = 32
/** Sleeps of all runs of a tenant: while it stays in memory, or longer than it does. */
const SLEEPS_MS = [100, 2_100] as const
const SLEEP_SPREAD_MS = 200
/** How often a life that has nothing to do asks whether somebody is to be woken. */
const LOOK_MS = 50
/** Hints beyond are for what is kept no longer, which no run waits for. */
const SOON_MS = 3_600_000
/** So long nothing changes only where a wake was lost, or on a machine that stands still: this reports it, and measures nothing. */
const STUCK_MS = 60_000

/** Lives. Segments are small, and files are closed under load: the ledger is trimmed all the time. */
export async function liveOn(options: WakeLifeOptions): Promise<void> {
  const clock = new CrashClock(() => void process.kill(process.pid, 'SIGKILL'))
  watchFiles({
    onSync: () => {
      clock.tick()
      return undefined
    },
    onName: () => clock.tick(),
  })
  const tenancy = await openHost({
    ...{ dataPath: options.dataPath, handlesMax: 64, shardCount: 4, tables: ENGINE_TABLES },
    driver: tickingDriver(libsqlDriver, { clock, onMoment: deathAt(clock, options.death) }),
    ledgerFiles: tickingFiles(fsSegmentFiles, clock),
    ledger: { segmentBytesMax: 512 * 1024, batchBytesMax: 128 * 1024 },
    onEvent: (event) => {
      if (event.type === 'quarantined') say({ type: 'fault', text: JSON.stringify(event) })
    },
  })
  const workflows = Workflows.create({
    ...{ tenancy, clock: systemClock, randomId: systemRandomId, workflows: WAKING_WORKFLOWS },
    onEvent: (event) => say({ type: 'fault', text: JSON.stringify(event) }),
  })
  await loadTenants({ tenancy, workflows }, options)
  await untilIdle(tenancy)
  await workflows.close()
  await tenancy.close()
}

function deathAt(clock: CrashClock, death: WakeDeath | undefined): (moment: EngineMoment) => void {
  if (death === undefined) return () => undefined
  let hintsLeft = death.hintCount
  if (hintsLeft === 0) clock.set(death.eventCount)
  return ({ deed, side, path }) => {
    if (deed !== 'commit' || side !== 'before' || !path.endsWith('catalog.db')) return
    hintsLeft -= 1
    if (hintsLeft === 0) clock.set(death.eventCount)
  }
}

/** No tenant is touched: the catalogs say when nobody is to be woken any more. */
async function untilIdle(tenancy: Tenancy): Promise<void> {
  const due = () => tenancy.dueTenants(systemClock.nowMs() + SOON_MS, STUCK_SHOWN)
  let before = ''
  let changedAtMs = 0
  for (let found = due(); found.length > 0; found = due()) {
    const nowMs = systemClock.monotonicMs()
    const now = JSON.stringify(found)
    if (now !== before) changedAtMs = nowMs
    before = now
    if (nowMs - changedAtMs > STUCK_MS) return say({ type: 'fault', text: `nobody wakes ${now}` })
    await sleep(systemClock, LOOK_MS)
  }
  say({ type: 'idle' })
}

/** Tenants that are named when nothing goes on. */
const STUCK_SHOWN = 100

interface Host {
  readonly tenancy: Tenancy
  readonly workflows: Workflows
}

async function loadTenants(host: Host, { seed, fromTenant, tenantCount }: WakeLifeOptions): Promise<void> {
  let next = fromTenant
  const loader = async () => {
    while (next < fromTenant + tenantCount) {
      const index = next
      next += 1
      await loadTenant(host, parseTenantId(`t${index}`), new Seeded(seed + index))
    }
  }
  await Promise.all(Array.from({ length: LOADERS }, loader))
}

async function loadTenant({ tenancy, workflows }: Host, tenant: TenantId, seeded: Seeded): Promise<void> {
  await tenancy.create(tenant)
  const first = seeded.pick(WAKE_KINDS)
  const sleepsMs = seeded.pick(SLEEPS_MS)
  // A caller ends when its teller has spoken, which was there before it.
  const kinds = [first === 'caller' ? 'sleeper' : first, 'teller', 'caller'] as const
  for (const [index, kind] of kinds.entries()) {
    const run = index === 0 ? `first-${kind}` : kind
    const sleepMs = sleepsMs + seeded.below(SLEEP_SPREAD_MS)
    await workflows.start(tenant, { workflow: kind, id: run, input: { run, sleepMs } })
    say({ type: 'accepted', tenant, run })
  }
}
