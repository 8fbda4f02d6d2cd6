/** Kills a life at its k-th event, starts again on what is left, and says what is wrong with it. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { startChild } from '../child.ts'
import { faultsOf } from '../crash/data-check.ts'
import { beginLife, exists, openPointHost, rowCounts } from './point-life.ts'

const WORKER = new URL('../fixtures/point-worker.ts', import.meta.url)

/** Where lives begin from. */
export interface PointBase {
  readonly path: string
  readonly counts: ReadonlyMap<string, number>
  readonly hasComer: boolean
}

/** What became of one life. */
export interface PointOutcome {
  readonly faults: readonly string[]
  /** True when the life was over before its k-th event came. */
  readonly wasDone: boolean
}

/** Makes a data directory as SIGKILL leaves it: a ledger without a seal, files that need their redo. */
export async function makePointBase(scratchPath: string): Promise<PointBase> {
  const livePath = join(scratchPath, 'live')
  const path = join(scratchPath, 'base')
  const tenancy = await openPointHost({ dataPath: livePath })
  await beginLife(tenancy)
  const counts = await rowCounts(tenancy)
  const hasComer = exists(tenancy)
  cpSync(livePath, path, { recursive: true })
  await tenancy.close()
  return { path, counts, hasComer }
}

/** Dies at event `eventCount`, and perhaps again at event `againCount` of the recovery from that. */
export async function dieAtEvent(
  base: PointBase,
  dataPath: string,
  eventCounts: readonly number[],
): Promise<PointOutcome> {
  cpSync(base.path, dataPath, { recursive: true })
  const acknowledged = new Map<string, number>()
  let wasDone = false
  let lives = 0
  for (const eventCount of eventCounts) {
    lives += 1
    const onLine = (line: string) => {
      if (line === 'done') wasDone = true
      else if (line.startsWith('ack ')) {
        const id = line.slice(4)
        acknowledged.set(id, (acknowledged.get(id) ?? 0) + 1)
      }
    }
    const { signal, stderr } = await startChild({ script: WORKER, args: [dataPath, String(eventCount)], onLine }).ended
    if (signal !== 'SIGKILL') return { faults: [`life ${lives} failed: ${stderr}`], wasDone }
  }
  return { faults: await faultsLeft({ base, dataPath, acknowledged, lives }), wasDone }
}

interface Left {
  readonly base: PointBase
  readonly dataPath: string
  readonly acknowledged: ReadonlyMap<string, number>
  readonly lives: number
}

async function faultsLeft({ base, dataPath, acknowledged, lives }: Left): Promise<string[]> {
  const faults: string[] = []
  const tenancy = await openPointHost({ dataPath })
  for (const [id, count] of await rowCounts(tenancy)) {
    const known = (base.counts.get(id) ?? 0) + (acknowledged.get(id) ?? 0)
    // One writer at a time: at most one row of each life was under way.
    if (count < known || count > known + lives) faults.push(`${id} has ${count} rows, ${known} were acknowledged`)
  }
  const cameOrWent = (acknowledged.get('comer') ?? 0) % 2 === 1
  if (lives === 1 && cameOrWent && exists(tenancy) === base.hasComer)
    faults.push('a creation or deletion was taken back')
  await tenancy.close()
  return [...faults, ...faultsOf(dataPath)]
}
