/** What the killed process does: starts runs in many tenants, and says what it was promised. */
import { ENGINE_TABLES, Workflows } from '@tenax/engine'
import { isTenaxError, parseTenantId, sleep, systemClock, type TenantId } from '@tenax/kernel'
import { systemRandomId, type Tenancy } from '@tenax/tenancy'
import { sayLine } from '../child.ts'
import { openHost } from '../host.ts'
import type { Seeded } from '../seeded.ts'
import { mixedWorkflows } from './mixed-workflow.ts'

/** Tenants that have runs. */
export const RUN_TENANT_COUNT = 20

/** Runs that each tenant has under way at a time. */
const RUNS_PER_TENANT = 2

/** Longest sleep inside a run: some are asleep whenever the kill comes. */
const SLEEP_MS_MAX = 60

/** What the process says. `ended` is said behind the gate: the run's end is durable. */
export type RunLine =
  | { readonly type: 'ready' }
  | { readonly type: 'accepted' | 'ended'; readonly tenant: string; readonly run: string }
  | { readonly type: 'fault'; readonly text: string }
  | { readonly type: 'drained' }

export function sayRun(line: RunLine): void {
  sayLine(JSON.stringify(line))
}

/** A host with workflows over `dataPath`, with its tenants. */
export interface RunHost {
  readonly tenancy: Tenancy
  readonly workflows: Workflows
  readonly tenants: readonly TenantId[]
}

export async function openRunHost(dataPath: string, effectsPath: string, life: string): Promise<RunHost> {
  const tenancy = await openHost({ dataPath, handlesMax: 8, shardCount: 4, tables: ENGINE_TABLES })
  const tenants = Array.from({ length: RUN_TENANT_COUNT }, (_, index) => parseTenantId(`t${index}`))
  for (const tenant of tenants) await makeTenant(tenancy, tenant)
  const onEvent = (event: { type: string }) => sayRun({ type: 'fault', text: `${event.type} ${JSON.stringify(event)}` })
  const loaded = mixedWorkflows(effectsPath, Number(life))
  const workflows = Workflows.create({
    tenancy,
    clock: systemClock,
    randomId: systemRandomId,
    workflows: loaded,
    onEvent,
  })
  return { tenancy, workflows, tenants }
}

async function makeTenant(tenancy: Tenancy, tenant: TenantId): Promise<void> {
  const isNew = await tenancy.create(tenant).then(
    () => true,
    (error) => isTenaxError(error) && error.code !== 'tenant_exists' && Promise.reject(error),
  )
  if (!isNew) return
  const none = { positional: [], named: [] }
  await tenancy.use(tenant, (handle) => handle.execute('CREATE TABLE counted (run TEXT, who TEXT)', none))
}

/** Starts runs for ever. */
export async function loadRuns(host: RunHost, life: string, seeded: Seeded): Promise<void> {
  const workers = host.tenants.flatMap((tenant) =>
    Array.from({ length: RUNS_PER_TENANT }, async (_, place) => {
      for (let count = 0; ; count += 1) await loadRun(host, { tenant, run: `life${life}-${place}-${count}` }, seeded)
    }),
  )
  await Promise.all(workers)
}

const KINDS = ['mixed', 'mixed', 'wide', 'failing', 'cancelled', 'paused'] as const

async function loadRun(
  { workflows }: RunHost,
  { tenant, run }: { readonly tenant: TenantId; readonly run: string },
  seeded: Seeded,
): Promise<void> {
  const kind = seeded.pick(KINDS)
  const workflow = kind === 'wide' ? 'wide' : kind === 'failing' || kind === 'cancelled' ? 'undone' : 'mixed'
  const input = { run, sleepMs: seeded.below(SLEEP_MS_MAX) }
  await workflows.start(tenant, { workflow, id: run, input: { ...input, isToFail: kind === 'failing' } })
  sayRun({ type: 'accepted', tenant, run })
  if (kind === 'cancelled') await workflows.cancel(tenant, run)
  if (kind === 'paused') {
    await sleep(systemClock, seeded.below(SLEEP_MS_MAX))
    await unlessEnded(workflows.pause(tenant, run))
    await sleep(systemClock, seeded.below(SLEEP_MS_MAX))
    await unlessEnded(workflows.resume(tenant, run))
  }
  const { successor, endedAtMs } = await workflows.result(tenant, run, { timeoutMs: 300_000 })
  const last =
    successor === undefined ? endedAtMs : (await workflows.result(tenant, successor, { timeoutMs: 300_000 })).endedAtMs
  if (last !== undefined) sayRun({ type: 'ended', tenant, run })
}

async function unlessEnded(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isTenaxError(error, 'run_ended')) throw error
  })
}

/** Says again what a kill may have taken from who said it, and waits until no run of any tenant is under way. */
export async function drainRuns({ workflows, tenants }: RunHost): Promise<void> {
  for (const tenant of tenants) {
    for (const status of ['queued', 'running', 'waiting', 'compensating'] as const) {
      const { runs } = await workflows.list(tenant, { status, limit: 500 })
      for (const { id, workflow } of runs) {
        await unlessEnded(workflows.resume(tenant, id))
        const { input } = await workflows.get(tenant, id)
        const isToCancel = workflow === 'undone' && JSON.stringify(input).includes('"isToFail":false')
        if (isToCancel) await unlessEnded(workflows.cancel(tenant, id))
        const { successor } = await workflows.result(tenant, id, { timeoutMs: 60_000 })
        if (successor !== undefined) await workflows.result(tenant, successor, { timeoutMs: 60_000 })
      }
    }
  }
  sayRun({ type: 'drained' })
}
