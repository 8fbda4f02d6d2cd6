/**
 * A chain of lives over one data directory, each killed at a random moment, and one last life that lets every run end. What
 * must hold: an accepted run completes; a step whose record was durable never runs again; a `tx` counts exactly once.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ENGINE_TABLES, type RunDetail, Workflows } from '@tenax/engine'
import { parseTenantId, systemClock, type TenantId } from '@tenax/kernel'
import { systemRandomId } from '@tenax/tenancy'
import { type Ending, startChild } from '../child.ts'
import { openHost } from '../host.ts'
import { scratchDirectory } from '../scratch.ts'
import { Seeded } from '../seeded.ts'
import { type EffectLine, STAGES } from './mixed-workflow.ts'
import { faultsOf } from './run-claims.ts'
import { RUN_TENANT_COUNT, type RunLine } from './run-load.ts'

const WORKER = new URL('../fixtures/run-worker.ts', import.meta.url)

/** Lines that a life says before it is killed, at most: by progress, so that a busy machine sees the same. */
const LINES_MAX = 120

/** Longest wait behind the last of them. */
const KILL_MS_MAX = 100

/** What came of a chain. */
export interface ChainReport {
  readonly faults: readonly string[]
  readonly acceptedCount: number
  /** Runs whose end was told before the last life. */
  readonly endedCount: number
  readonly runCount: number
  /** Steps that ran again, since the kill came before their record was durable. */
  readonly repeatedCount: number
}

/** What lives were told, over all of them: by run, the life in which it was accepted, and that in which its end was told. */
class Promises {
  readonly accepted = new Map<string, number>()
  readonly ended = new Map<string, number>()
  readonly faults: string[] = []
}

/** Runs a chain. */
export async function runKillChain({ seed, killCount }: { seed: number; killCount: number }): Promise<ChainReport> {
  using scratch = scratchDirectory()
  const paths = { data: join(scratch.path, 'data'), effects: join(scratch.path, 'effects') }
  const seeded = new Seeded(seed)
  const promises = new Promises()
  for (let life = 0; life < killCount; life += 1) await live('load', { life, seeded, paths, promises })
  const { code, signal, stderr } = await live('drain', { life: killCount, seeded, paths, promises })
  if (code !== 0) promises.faults.push(`the last life ended with ${code ?? signal}: ${stderr}`)
  const effects = readEffects(paths.effects)
  checkEffects(effects, promises)
  checkLives(effects, promises)
  const runCount = await checkTenants(paths.data, effects, promises)
  const distinct = new Set(effects.map(({ tenant, run, step }) => `${tenant}/${run}/${step}`)).size
  return {
    faults: promises.faults,
    acceptedCount: promises.accepted.size,
    endedCount: promises.ended.size,
    runCount,
    repeatedCount: effects.length - distinct,
  }
}

interface LifeOptions {
  readonly life: number
  readonly seeded: Seeded
  readonly paths: { readonly data: string; readonly effects: string }
  readonly promises: Promises
}

function live(mode: 'load' | 'drain', { life, seeded, paths, promises }: LifeOptions): Promise<Ending> {
  const killMs = seeded.below(KILL_MS_MAX)
  let linesLeft = 1 + seeded.below(LINES_MAX)
  const child = startChild({
    script: WORKER,
    args: [mode, paths.data, paths.effects, String(life), String(seeded.below(2 ** 31))],
    onLine: (text, { kill }) => {
      const line = JSON.parse(text) as RunLine
      linesLeft -= 1
      if (linesLeft === 0 && mode === 'load') systemClock.after(killMs, () => kill('SIGKILL'))
      if (line.type === 'accepted') promises.accepted.set(`${line.tenant}/${line.run}`, life)
      if (line.type === 'ended') promises.ended.set(`${line.tenant}/${line.run}`, life)
      if (line.type === 'fault') {
        promises.faults.push(`life ${life}: ${line.text}`)
        kill('SIGKILL')
      }
    },
  })
  return child.ended
}

function readEffects(path: string): EffectLine[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as EffectLine)
}

/** A step without a failure that ran twice in one life: the host threw its own work away. */
function checkLives(effects: readonly EffectLine[], { faults }: Promises): void {
  const seen = new Set<string>()
  for (const { tenant, run, step, life } of effects) {
    const key = `${tenant}/${run}: "${step}" ran twice in life ${life}`
    if (seen.has(key)) faults.push(key)
    seen.add(key)
  }
}

/**
 * A step that ran behind a later one, or in a later life than that which told the end of its run: its record was durable by
 * then, and it ran again.
 */
function checkEffects(effects: readonly EffectLine[], { faults, ended }: Promises): void {
  const furthest = new Map<string, EffectLine['step']>()
  for (const { tenant, run, step, life } of effects) {
    const key = `${tenant}/${run}`
    const endedIn = ended.get(key) ?? life
    if (life > endedIn) faults.push(`${key}: "${step}" ran in life ${life}, its end was told in life ${endedIn}`)
    const before = furthest.get(key) ?? step
    if (STAGES[step] < STAGES[before]) faults.push(`${key}: "${step}" ran behind "${before}"`)
    else furthest.set(key, step)
  }
}

async function checkTenants(dataPath: string, effects: readonly EffectLine[], promises: Promises): Promise<number> {
  const lines = countBy(effects, ({ tenant, run, step }) => [`${tenant}/${run}`, step])
  const tenancy = await openHost({ dataPath, handlesMax: 8, shardCount: 4, tables: ENGINE_TABLES })
  const parts = { tenancy, clock: systemClock, randomId: systemRandomId, workflows: [], onEvent: () => undefined }
  const workflows = Workflows.create(parts)
  const found = new Set<string>()
  for (let index = 0; index < RUN_TENANT_COUNT; index += 1) {
    const tenant = parseTenantId(`t${index}`)
    const { rows } = await tenancy.use(tenant, (handle) =>
      handle.execute('SELECT run, who FROM counted', { positional: [], named: [] }),
    )
    const counts = countBy(rows, ([run, who]) => [String(run), String(who)])
    for await (const run of runsOf(workflows, tenant)) {
      const name = nameOf(run)
      const key = `${tenant}/${name}`
      found.add(`${tenant}/${run.id}`)
      const claims = { key, counts: counts.get(name) ?? new Map(), lines: lines.get(key) ?? new Map() }
      if (run.workflow !== 'kid') promises.faults.push(...faultsOf(run, claims))
    }
  }
  for (const [key, when] of promises.accepted) {
    if (!found.has(key)) promises.faults.push(`${key}: accepted in life ${when} and gone`)
  }
  await workflows.close()
  await tenancy.close()
  return found.size
}

/** Of each outer key, how often there is each inner one. */
function countBy<T>(
  items: Iterable<T>,
  keysOf: (item: T) => readonly [string, string],
): Map<string, Map<string, number>> {
  const counts = new Map<string, Map<string, number>>()
  for (const item of items) {
    const [outer, inner] = keysOf(item)
    const of = counts.get(outer) ?? new Map<string, number>()
    counts.set(outer, of.set(inner, (of.get(inner) ?? 0) + 1))
  }
  return counts
}

/** The name that the effects of a run have: a successor has that of the first. */
function nameOf({ id, input }: RunDetail): string {
  return typeof input === 'object' && input !== null && 'run' in input ? String(input['run']) : id
}

async function* runsOf(workflows: Workflows, tenant: TenantId): AsyncGenerator<RunDetail> {
  for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
    const page = await workflows.list(tenant, { limit: 500, ...(cursor === undefined ? {} : { cursor }) })
    cursor = page.cursor
    for (const { id } of page.runs) yield await workflows.get(tenant, id)
  }
}
