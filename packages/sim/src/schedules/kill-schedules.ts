/** A chain of lives over schedules, each killed at a random moment: no time may be fired twice, and none may be lost. */
import { join } from 'node:path'
import { systemClock } from '@tenax/kernel'
import { startChild } from '../child.ts'
import { scratchDirectory } from '../scratch.ts'
import { Seeded } from '../seeded.ts'
import { EVERY_MS, type ScheduleLine } from './schedule-load.ts'

const WORKER = new URL('../fixtures/schedule-worker.ts', import.meta.url)

/** Runs that a life sees before it is killed, at most, and the longest wait behind the last. */
const LINES_MAX = 12
const KILL_MS_MAX = 1_200

/** What came of a chain. */
export interface ScheduleReport {
  readonly faults: readonly string[]
  readonly tenantCount: number
  readonly runCount: number
}

/** Runs a chain. */
export async function runScheduleChain({
  seed,
  killCount,
}: {
  seed: number
  killCount: number
}): Promise<ScheduleReport> {
  using scratch = scratchDirectory()
  const dataPath = join(scratch.path, 'data')
  const seeded = new Seeded(seed)
  const faults: string[] = []
  for (let life = 0; life < killCount; life += 1) {
    const killMs = seeded.below(KILL_MS_MAX)
    let linesLeft = 1 + seeded.below(LINES_MAX)
    await startChild({
      script: WORKER,
      args: ['load', dataPath],
      onLine: (text, { kill }) => {
        const line = JSON.parse(text) as ScheduleLine
        if (line.type === 'fault') faults.push(`life ${life}: ${line.text}`)
        linesLeft -= 1
        if (line.type === 'fault' || linesLeft === 0) systemClock.after(killMs, () => kill('SIGKILL'))
      },
    }).ended
  }
  return { faults, ...(await settle(dataPath, faults)) }
}

async function settle(dataPath: string, faults: string[]) {
  let tenantCount = 0
  let runCount = 0
  const { code, signal, stderr } = await startChild({
    script: WORKER,
    args: ['settle', dataPath],
    onLine: (text) => {
      const line = JSON.parse(text) as ScheduleLine
      if (line.type === 'fault') faults.push(line.text)
      if (line.type !== 'settled') return
      tenantCount += 1
      runCount += line.runs.length
      check(line, faults)
    },
  }).ended
  if (code !== 0) faults.push(`the last life ended with ${code ?? signal}: ${stderr}`)
  return { tenantCount, runCount }
}

function check(settled: Extract<ScheduleLine, { type: 'settled' }>, faults: string[]): void {
  const { tenant, createdAtMs, lastAtMs, runs } = settled
  const expected: string[] = []
  for (let atMs = createdAtMs + EVERY_MS; atMs <= lastAtMs; atMs += EVERY_MS) {
    expected.push(`tick:${new Date(atMs).toISOString()}`)
  }
  const found = runs.map(([id]) => id)
  for (const id of expected) if (!found.includes(id)) faults.push(`${tenant}/${id}: lost`)
  for (const id of found) if (!expected.includes(id)) faults.push(`${tenant}/${id}: nobody asked for it`)
  if (new Set(found).size !== found.length) faults.push(`${tenant}: a run is there twice`)
  for (const [id, status] of runs) if (status !== 'completed') faults.push(`${tenant}/${id}: is ${status}`)
}
