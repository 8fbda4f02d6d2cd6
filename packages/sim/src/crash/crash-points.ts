/** Kills a lifecycle verb at each of its crash points in turn, restarts, and says what became of the tenant. */
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Migration, Tenancy } from '@tenax/tenancy'
import { startChild } from '../child.ts'
import { openHost } from '../host.ts'
import { faultsOf, readCatalog } from './data-check.ts'
import { run } from './load-tenants.ts'
import { fileMaker } from './mortal-load.ts'
import {
  IMPORTED_MARK,
  NEIGHBOUR,
  perform,
  stateOf,
  TARGET,
  VERB_MIGRATIONS,
  type VerbName,
  WRITTEN_MARKS,
} from './verbs.ts'

/** What a restart found after a death. */
export interface PointResult {
  /** Which crash point: death came after so many changing statements. */
  readonly statementCount: number
  /** True when the verb had been acknowledged by then. */
  readonly wasAcknowledged: boolean
  readonly target: string
  readonly neighbour: string
  readonly faults: readonly string[]
  /** The tenant's state when the verb was then done to the end by the restarted process. */
  readonly completed: string
}

const WORKER = new URL('../fixtures/verb-worker.ts', import.meta.url)
const POINTS_MAX = 200

/** Where one verb is tried: a data directory to begin from, and a directory for its copies. */
export interface Bench {
  readonly verb: VerbName
  readonly basePath: string
  readonly strangerPath: string
  readonly copiesPath: string
}

/** Makes what the verb begins from. */
export async function prepareBench(verb: VerbName, scratchPath: string): Promise<Bench> {
  const basePath = join(scratchPath, 'base')
  const strangerPath = join(scratchPath, 'stranger.db')
  fileMaker(strangerPath, readFileSync)(IMPORTED_MARK)
  const migrations = verb === 'migrate' ? VERB_MIGRATIONS.slice(0, 1) : VERB_MIGRATIONS
  const tenancy = await open(basePath, migrations)
  const ids = verb === 'create' || verb === 'import_new' ? [NEIGHBOUR] : [NEIGHBOUR, TARGET]
  for (const id of ids) {
    await tenancy.create(id)
    for (const mark of WRITTEN_MARKS) await run(tenancy, id, 'INSERT INTO note VALUES (?)', [BigInt(mark)])
  }
  if (verb === 'resume') await tenancy.suspend(TARGET)
  await tenancy.close()
  return { verb, basePath, strangerPath, copiesPath: scratchPath }
}

/** Dies at every crash point of the bench's verb, from the first to the acknowledgement. */
export async function* crashPoints(bench: Bench): AsyncGenerator<PointResult> {
  for (let statementCount = 1; statementCount <= POINTS_MAX; statementCount += 1) {
    const dataPath = join(bench.copiesPath, `at-${statementCount}`)
    const wasAcknowledged = await dieAt(bench, dataPath, statementCount)
    yield await restart(bench, dataPath, { statementCount, wasAcknowledged })
    if (wasAcknowledged) return
  }
  throw new Error(`${bench.verb} has more than ${POINTS_MAX} crash points`)
}

/** Runs the verb on a copy of the base until it dies. True when it was done by then. */
export async function dieAt(bench: Bench, dataPath: string, statementCount: number): Promise<boolean> {
  if (existsSync(bench.basePath)) cpSync(bench.basePath, dataPath, { recursive: true })
  const lines: string[] = []
  const args = [bench.verb, dataPath, bench.strangerPath, String(statementCount)]
  const { signal, stderr } = await startChild({ script: WORKER, args, onLine: (line) => lines.push(line) }).ended
  if (signal !== 'SIGKILL') throw new Error(`${bench.verb} failed at point ${statementCount}: ${stderr}`)
  return lines.includes('done')
}

async function restart(
  bench: Bench,
  dataPath: string,
  point: Pick<PointResult, 'statementCount' | 'wasAcknowledged'>,
): Promise<PointResult> {
  // Without the last migration when that is what died, so that half of one would show.
  const tenancy = await open(dataPath, bench.verb === 'migrate' ? VERB_MIGRATIONS.slice(0, 1) : VERB_MIGRATIONS)
  const target = await stateOf(tenancy, TARGET)
  const neighbour = await stateOf(tenancy, NEIGHBOUR)
  await tenancy.close()
  const faults = faultsOf(dataPath)
  const again = await open(dataPath, VERB_MIGRATIONS)
  await perform(again, bench.verb, readFileSync(bench.strangerPath)).catch((error: unknown) => {
    if (!point.wasAcknowledged && !isDone(bench.verb, target)) faults.push(`cannot be done again: ${String(error)}`)
  })
  const completed = await stateOf(again, TARGET)
  await again.close()
  return { ...point, target, neighbour, faults: [...faults, ...faultsOf(dataPath)], completed }
}

/** Verbs that refuse to be done twice. */
function isDone(verb: VerbName, target: string): boolean {
  return (verb === 'create' && target !== 'absent') || (verb === 'delete' && target === 'absent')
}

/** Crash points of the verb that leave an intent behind, found on copies. */
export async function pointsWithIntent(bench: Bench): Promise<number[]> {
  const points: number[] = []
  for (let statementCount = 1; statementCount <= POINTS_MAX; statementCount += 1) {
    const dataPath = join(bench.copiesPath, `intent-${statementCount}`)
    if (await dieAt(bench, dataPath, statementCount)) return points
    if (readCatalog(join(dataPath, 'shards', '00', 'catalog.db')).intents.length > 0) points.push(statementCount)
  }
  throw new Error(`${bench.verb} has more than ${POINTS_MAX} crash points`)
}

function open(dataPath: string, migrations: readonly Migration[]): Promise<Tenancy> {
  return openHost({ dataPath, handlesMax: 4, shardCount: 1, migrations })
}
