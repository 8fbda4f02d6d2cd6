/**
 * The hand-over of probation under kill -9 (WORKFLOWS 28): a host closes a tenant, lends its file, and takes it back, over and
 * over on one data directory, and dies at one event of that after the other; every few lives in the start behind it as well.
 * What anybody was told to be durable, at home or where the file was lent to, is there in every later life, once.
 */
import { join } from 'node:path'
import { startChild } from '../child.ts'
import { scratchDirectory } from '../scratch.ts'
import type { LendLifeOptions, LendLine } from './lend-life.ts'

const WORKER = new URL('../fixtures/lend-worker.ts', import.meta.url)

/** Every so many lives the next one dies in its start. */
const START_EVERY = 4

/** Events between the deaths of two lives, and the most of one hand-over: with more, something does not end. */
export interface SweepOptions {
  readonly stride: number
  readonly eventsMax: number
}

/** What came of it. */
export interface SweepReport {
  readonly faults: readonly string[]
  /** Deaths in the hand-over, and in a start. */
  readonly handoverCount: number
  readonly startCount: number
  readonly madeCount: number
}

/** Goes over all events of a hand-over, until one of them is complete. */
export async function sweepHandOver({ stride, eventsMax }: SweepOptions): Promise<SweepReport> {
  using scratch = scratchDirectory()
  const dataPath = join(scratch.path, 'data')
  const made = new Set<number>()
  const faults: string[] = []
  const counts = { handover: 0, start: 0 }
  const live = async (about: Omit<LendLifeOptions, 'dataPath'>) => {
    const said = await lifeOf({ dataPath, ...about }, made, faults)
    if (!said.has(about.phase === 'start' ? 'started' : 'home')) counts[about.phase] += 1
    return said
  }
  for (let count = 1, isHome = false; !isHome; count += 1) {
    const eventCount = 1 + (count - 1) * stride
    if (eventCount > eventsMax) faults.push(`a hand-over has more than ${eventsMax} events`)
    isHome = (await live({ phase: 'handover', eventCount })).has('home') || eventCount > eventsMax
    if (count % START_EVERY === 0) await live({ phase: 'start', eventCount })
  }
  await live({ phase: 'handover', eventCount: 1 }) // finds what the last one made
  return { faults, handoverCount: counts.handover, startCount: counts.start, madeCount: made.size }
}

async function lifeOf(options: LendLifeOptions, made: Set<number>, faults: string[]): Promise<Set<LendLine['type']>> {
  const said = new Set<LendLine['type']>()
  const where = `death at ${options.phase} ${options.eventCount}`
  const child = startChild({
    script: WORKER,
    args: [JSON.stringify(options)],
    onLine: (text) => {
      const line = JSON.parse(text) as LendLine
      said.add(line.type)
      if (line.type === 'made') made.add(line.row)
      if (line.type === 'fault') faults.push(`${where}: ${line.text}`)
      if (line.type !== 'rows') return
      const rows = new Set(line.rows)
      if (rows.size < line.rows.length) faults.push(`before the ${where}: rows are there twice`)
      for (const row of made)
        if (!rows.has(row)) faults.push(`before the ${where}: row ${row} was durable, and is gone`)
    },
  })
  const { signal, stderr } = await child.ended
  if (signal !== 'SIGKILL') faults.push(`${where}: it ended by itself: ${stderr}`)
  return said
}
