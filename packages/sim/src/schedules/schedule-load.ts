/** Tenants whose schedules fire each second, and what they have come to. */
import { ENGINE_TABLES, Workflows } from '@tenax/engine'
import { isTenaxError, parseTenantId, systemClock, type TenantId } from '@tenax/kernel'
import { systemRandomId, type Tenancy } from '@tenax/tenancy'
import { workflow } from '@tenax/workflow'
import { z } from 'zod'
import { sayLine } from '../child.ts'
import { openHost } from '../host.ts'

const TENANT_COUNT = 6

/** Time between the firings of a schedule: the least that there may be. */
export const EVERY_MS = 1_000

/** What the process says. */
export type ScheduleLine =
  | { readonly type: 'ran'; readonly run: string }
  | { readonly type: 'fault'; readonly text: string }
  /** A tenant's schedule and its runs, when nothing more comes. */
  | {
      readonly type: 'settled'
      readonly tenant: string
      readonly createdAtMs: number
      readonly lastAtMs: number
      readonly runs: readonly (readonly [id: string, status: string])[]
    }

function say(line: ScheduleLine): void {
  sayLine(JSON.stringify(line))
}

/** A host with schedules. */
export interface ScheduleHost {
  readonly tenancy: Tenancy
  readonly workflows: Workflows
  readonly tenants: readonly TenantId[]
}

/** Opens it over `dataPath`, and makes what is not there. */
export async function openScheduleHost(dataPath: string): Promise<ScheduleHost> {
  const tenancy = await openHost({ dataPath, handlesMax: 4, shardCount: 2, tables: ENGINE_TABLES })
  const tenants = Array.from({ length: TENANT_COUNT }, (_, index) => parseTenantId(`t${index}`))
  for (const tenant of tenants) await tenancy.create(tenant).catch(ignoreExisting)
  const tick = workflow({ name: 'tick', input: z.object({}) }, (ctx) =>
    ctx.step('say', () => say({ type: 'ran', run: `${ctx.run.tenant}/${ctx.run.id}` })),
  )
  const workflows = Workflows.create({
    ...{ tenancy, clock: systemClock, randomId: systemRandomId, workflows: [tick] },
    onEvent: (event) => say({ type: 'fault', text: `${event.type} ${JSON.stringify(event)}` }),
  })
  const request = { workflow: 'tick', input: {}, everyMs: EVERY_MS, overlap: 'allow', catchUp: 100 } as const
  // Safe to repeat: one that is there keeps its times.
  for (const tenant of tenants) await workflows.schedules.put(tenant, 'tick', request)
  return { tenancy, workflows, tenants }
}

function ignoreExisting(error: unknown): void {
  if (!isTenaxError(error, 'tenant_exists')) throw error
}

/** Lets every schedule come to the present, pauses it, waits for its runs, and says what there is. */
export async function settleSchedules({ workflows, tenants }: ScheduleHost): Promise<void> {
  for (const tenant of tenants) {
    const nowMs = systemClock.nowMs()
    const hasCaughtUp = async () => ((await workflows.schedules.get(tenant, 'tick')).nextAtMs ?? 0) > nowMs
    while (!(await hasCaughtUp())) await new Promise((resolve) => setImmediate(resolve))
    const { createdAtMs, lastAtMs = 0 } = await workflows.schedules.pause(tenant, 'tick')
    const { runs } = await workflows.list(tenant, { limit: 500 })
    const ended = await Promise.all(runs.map(({ id }) => workflows.result(tenant, id, { timeoutMs: 60_000 })))
    const shown = ended.map(({ id, status }) => [id, status] as const)
    say({ type: 'settled', tenant, createdAtMs, lastAtMs, runs: shown.toReversed() })
  }
}
