/**
 * The hunt for lost wakes (test C of WORKFLOWS, without object storage): lives that give tenants runs and are killed between two
 * of their COMMITs, ledger writes, fsyncs and removals, most of them around a COMMIT of a catalog; then lives that touch no tenant
 * and are killed as well; and one that lives until no catalog says that a run is to be woken. Every run has ended by then.
 */
import { join } from 'node:path'
import { ENGINE_TABLES, Workflows } from '@tenax/engine'
import { parseTenantId, systemClock } from '@tenax/kernel'
import { systemRandomId } from '@tenax/tenancy'
import { startChild } from '../child.ts'
import { openHost } from '../host.ts'
import { scratchDirectory } from '../scratch.ts'
import { Seeded } from '../seeded.ts'
import type { WakeDeath, WakeLifeOptions, WakeLine } from './wake-life.ts'

const WORKER = new URL('../fixtures/wake-worker.ts', import.meta.url)

/** What a hunt is made of. */
export interface WakeHuntOptions {
  readonly seed: number
  /** Lives that give tenants runs, and tenants of each. */
  readonly loadCount: number
  readonly tenantCount: number
  /** Lives that touch no tenant and are killed. */
  readonly driftCount: number
}

/** What came of it. */
export interface WakeHuntReport {
  readonly faults: readonly string[]
  readonly killCount: number
  readonly acceptedCount: number
  /** Runs that were there in the end. */
  readonly runCount: number
}

/** Of four kills one comes in the recovery or while the first tenants are made, the others behind a COMMIT of a catalog. */
const START_EVERY = 4
const EVENTS_START = 200
/** What follows a COMMIT of a catalog until it is durable, and some of what its tenant does next. */
const EVENTS_BEHIND = 12
/** COMMITs of catalogs for each tenant that a life makes: so many while it is made, and so many with the first hints and the next. */
const HINTS_MIN = 2.5
const HINTS_SPREAD = 2.5

/** Hunts. */
export async function huntLostWakes(options: WakeHuntOptions): Promise<WakeHuntReport> {
  using scratch = scratchDirectory()
  const dataPath = join(scratch.path, 'data')
  const seeded = new Seeded(options.seed)
  const faults: string[] = []
  const accepted = new Set<string>()
  let killCount = 0
  const live = async (about: Pick<WakeLifeOptions, 'fromTenant' | 'tenantCount' | 'death'>) => {
    const ending = await lifeOf({ dataPath, seed: options.seed, ...about }, { faults, accepted })
    if (ending === 'SIGKILL') killCount += 1
    else if (ending !== 'idle') faults.push(ending)
    return ending
  }
  const { loadCount, tenantCount, driftCount } = options
  for (let index = 0; index < loadCount; index += 1) {
    const death = deathOf(seeded, index, options)
    await live({ fromTenant: index * tenantCount, tenantCount, death })
  }
  for (let index = 0; index < driftCount; index += 1) {
    const death = deathOf(seeded, loadCount + index, options)
    if ((await live({ fromTenant: 0, tenantCount: 0, death })) === 'idle') break
  }
  await live({ fromTenant: 0, tenantCount: 0, death: undefined })
  const runCount = await checkRuns(dataPath, accepted, faults)
  return { faults, killCount, acceptedCount: accepted.size, runCount }
}

/** Lives that give runs die from early to late, one behind the other; those that touch no tenant write few hints. */
function deathOf(seeded: Seeded, index: number, { tenantCount, loadCount }: WakeHuntOptions): WakeDeath {
  if (index % START_EVERY === 1) return { hintCount: 0, eventCount: 1 + seeded.below(EVENTS_START) }
  // The first event is the moment before that COMMIT: what its tenant has written by then, nobody would be woken for.
  const eventCount = seeded.pick([1, 1 + seeded.below(EVENTS_BEHIND)])
  if (index >= loadCount) return { hintCount: 1 + seeded.below(tenantCount), eventCount }
  const share = (index + seeded.next()) / loadCount
  return { hintCount: Math.floor((HINTS_MIN + share * HINTS_SPREAD) * tenantCount), eventCount }
}

async function lifeOf(
  options: WakeLifeOptions,
  { faults, accepted }: { readonly faults: string[]; readonly accepted: Set<string> },
): Promise<string> {
  let isIdle = false
  const child = startChild({
    script: WORKER,
    args: [JSON.stringify(options)],
    onLine: (text) => {
      const line = JSON.parse(text) as WakeLine
      if (line.type === 'accepted') accepted.add(`${line.tenant}/${line.run}`)
      if (line.type === 'fault') faults.push(line.text)
      if (line.type === 'idle') isIdle = true
    },
  })
  const { code, signal, stderr } = await child.ended
  if (signal !== null) return signal
  return code === 0 && isIdle ? 'idle' : `a life ended with ${code}: ${stderr}`
}

async function checkRuns(dataPath: string, accepted: ReadonlySet<string>, faults: string[]): Promise<number> {
  const tenancy = await openHost({ dataPath, handlesMax: 64, shardCount: 4, tables: ENGINE_TABLES })
  const parts = { tenancy, clock: systemClock, randomId: systemRandomId, workflows: [], onEvent: () => undefined }
  const workflows = Workflows.create(parts)
  const found = new Set<string>()
  for (let afterId: string | undefined = ''; afterId !== undefined; ) {
    const page = tenancy.list({ limit: 500, afterId, prefix: '', accepts: () => true })
    afterId = page.nextAfterId
    for (const { id } of page.tenants) {
      for (const run of (await workflows.list(parseTenantId(id), { limit: 500 })).runs) {
        found.add(`${id}/${run.id}`)
        if (run.status !== 'completed') faults.push(`${id}/${run.id} is ${run.status}, and nobody is to be woken`)
      }
    }
  }
  for (const key of accepted) if (!found.has(key)) faults.push(`${key} was accepted and is gone`)
  await workflows.close()
  await tenancy.close()
  return found.size
}
