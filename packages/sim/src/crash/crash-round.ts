/**
 * One round: a process under load is killed at a moment that the seed chooses, its successor is killed as well, sometimes
 * while it recovers, and the last one only looks. Everything that any of them said goes to one oracle.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '@tenax/kernel'
import { type Child, type Ending, startChild } from '../child.ts'
import { scratchDirectory } from '../scratch.ts'
import { Seeded } from '../seeded.ts'
import { faultsOf } from './data-check.ts'
import { Oracle } from './oracle.ts'
import { parseReport, type Report } from './report.ts'

/** When a process is killed: `delayMs` after the `lineCount`-th line behind the one of type `mark`. */
interface Moment {
  readonly mark: 'starting' | 'opened' | 'looked'
  readonly lineCount: number
  readonly delayMs: number
}

/** What a round came to. `faults` is empty when all promises were kept. */
export interface RoundResult {
  readonly faults: readonly string[]
  readonly acknowledgedCount: number
  readonly lookCount: number
  readonly killCount: number
}

const WORKER = new URL('../fixtures/crash-worker.ts', import.meta.url)

/** Runs the round of `seed`. */
export async function runCrashRound(seed: number): Promise<RoundResult> {
  using scratch = scratchDirectory()
  const dataPath = join(scratch.path, 'data')
  const strangersPath = join(scratch.path, 'strangers')
  mkdirSync(strangersPath)
  const oracle = new Oracle()
  const moments = momentsOf(new Seeded(seed))
  for (const [index, moment] of moments.entries()) {
    const args = ['load', dataPath, strangersPath, String(seed * 100 + index)]
    const ending = await runUntil(moment, args, oracle)
    if (ending.signal !== 'SIGKILL') oracle.faults.push(`the worker ended by itself: ${shown(ending)}`)
    if (oracle.faults.length > 0) break
  }
  const ending = await runUntil(undefined, ['look', dataPath, strangersPath, '0'], oracle)
  if (ending.code !== 0) oracle.faults.push(`the last process failed: ${shown(ending)}`)
  const { faults, acknowledgedCount, lookCount } = oracle
  return { faults: [...faults, ...faultsOf(dataPath)], acknowledgedCount, lookCount, killCount: moments.length }
}

/** The moments of a round: one under load, perhaps one in the recovery from it, perhaps one more under load. */
function momentsOf(seeded: Seeded): Moment[] {
  const load = (): Moment => ({ mark: 'looked', lineCount: 120 + seeded.below(36) ** 2, delayMs: seeded.below(4) })
  const recovery = (): Moment => ({ mark: 'starting', lineCount: 0, delayMs: seeded.below(60) })
  const look = (): Moment => ({ mark: 'opened', lineCount: seeded.below(80), delayMs: 0 })
  const rest = seeded.pick<readonly (() => Moment)[]>([[], [recovery], [recovery, load], [look, load], [load]])
  // Now and then the first process dies while it makes the data directory.
  const first = seeded.below(8) === 0 ? [recovery, load] : [load]
  return [...first, ...rest].map((make) => make())
}

function runUntil(moment: Moment | undefined, args: readonly string[], oracle: Oracle): Promise<Ending> {
  let isMarked = false
  let left = moment?.lineCount ?? 0
  const onLine = (line: string, child: Child) => {
    const report: Report = parseReport(line)
    oracle.hear(report)
    if (moment === undefined || left < 0) return
    if (report.type === moment.mark) isMarked = true
    else if (isMarked) left -= 1
    if (!isMarked || left > 0) return
    left = -1
    if (moment.delayMs === 0) child.kill('SIGKILL')
    else systemClock.after(moment.delayMs, () => child.kill('SIGKILL'))
  }
  return startChild({ script: WORKER, args, onLine }).ended
}

function shown({ code, signal, stderr }: Ending): string {
  return `code ${code}, signal ${signal}: ${stderr}`
}
