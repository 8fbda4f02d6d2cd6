/**
 * SIGKILL, one process after another on the same 200 tenants. Each looks at what the one before it left and writes on; when
 * it dies, in recovery or under load, the seed chooses. The last one looks at everything and closes.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '@tenax/kernel'
import { type Child, type Ending, startChild } from '../child.ts'
import { faultsOf } from '../crash/data-check.ts'
import { scratchMemory } from '../scratch.ts'
import { Seeded } from '../seeded.ts'
import { parseWide, type WideLine } from './wide-load.ts'

/** What a chain is made of. */
export interface WideChainOptions {
  readonly basePath: string
  readonly seed: number
  readonly killCount: number
}

/** What a chain came to. */
export interface WideResult {
  readonly faults: readonly string[]
  readonly acknowledgedCount: number
  readonly killCount: number
}

/** When a process is killed: `delayMs` after the `lineCount`-th line behind the one of type `mark`. */
interface Moment {
  readonly mark: 'starting' | 'opened'
  readonly lineCount: number
  readonly delayMs: number
}

const WORKER = new URL('../fixtures/wide-worker.ts', import.meta.url)

/** Makes a data directory in which every tenant exists and has no row. */
export async function makeWideBase(dataPath: string): Promise<void> {
  const ending = await runUntil(undefined, ['create', dataPath, '0'], new WideOracle())
  if (ending.code !== 0) throw new Error(`the tenants could not be created: ${shown(ending)}`)
}

/** Runs the chain of `seed` on a copy of the base: so many kills, then a look. */
export async function runWideChain({ basePath, seed, killCount }: WideChainOptions): Promise<WideResult> {
  using scratch = scratchMemory()
  const dataPath = join(scratch.path, 'data')
  cpSync(basePath, dataPath, { recursive: true })
  const oracle = new WideOracle()
  const seeded = new Seeded(seed)
  for (let index = 0; index < killCount && oracle.faults.length === 0; index += 1) {
    const ending = await runUntil(momentOf(seeded), ['load', dataPath, String(seed * 1_000 + index)], oracle)
    if (ending.signal !== 'SIGKILL') oracle.faults.push(`the worker ended by itself: ${shown(ending)}`)
  }
  const { code, ...rest } = await runUntil(undefined, ['look', dataPath, '0'], oracle)
  if (code !== 0) oracle.faults.push(`the last process failed: ${shown({ code, ...rest })}`)
  const { acknowledgedCount } = oracle
  const faults = oracle.faults.length > 0 ? oracle.faults : faultsOf(dataPath)
  return { faults, acknowledgedCount, killCount }
}

function momentOf(seeded: Seeded): Moment {
  if (seeded.below(4) === 0) return { mark: 'starting', lineCount: 0, delayMs: seeded.below(80) }
  return { mark: 'opened', lineCount: seeded.below(400), delayMs: seeded.below(3) }
}

/** Lines as they come; each writer is one write ahead of its acknowledgement at most. */
class WideOracle {
  readonly faults: string[] = []
  acknowledgedCount = 0
  readonly #acknowledged = new Map<string, number>()

  hear(line: WideLine): void {
    if (line.type === 'violation') this.faults.push(line.text)
    else if (line.type === 'found') this.#onFound(line)
    else if (line.type === 'ack') {
      this.acknowledgedCount += 1
      this.#acknowledged.set(line.id, (this.#acknowledged.get(line.id) ?? 0) + 1)
    }
  }

  #onFound({ id, count, last, wrong }: Extract<WideLine, { type: 'found' }>): void {
    const known = this.#acknowledged.get(id) ?? 0
    if (count !== last || count < known || count > known + 1 || wrong !== 0) {
      this.faults.push(
        `${id} has ${count} rows up to ${last}, ${wrong} of them with a wrong LSN; ${known} were acknowledged`,
      )
    }
    this.#acknowledged.set(id, count)
  }
}

function runUntil(moment: Moment | undefined, args: readonly string[], oracle: WideOracle): Promise<Ending> {
  let left = Number.POSITIVE_INFINITY
  const onLine = (text: string, child: Child) => {
    const line = parseWide(text)
    oracle.hear(line)
    if (line.type === moment?.mark) left = moment.lineCount + 1
    left -= 1
    if (left !== 0 || moment === undefined) return
    if (moment.delayMs === 0) child.kill('SIGKILL')
    else systemClock.after(moment.delayMs, () => child.kill('SIGKILL'))
  }
  return startChild({ script: WORKER, args, onLine }).ended
}

function shown({ code, signal, stderr }: Ending): string {
  return `code ${code}, signal ${signal}: ${stderr}`
}
