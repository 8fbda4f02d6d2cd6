/**
 * SIGKILL, one process after another on the same 200 tenants. Each recovers what the one before it has left and waits while
 * every file is compared with the replay of its ledger; then it works until it dies, where the seed chooses. The last one
 * looks at everything and closes.
 */
import { cpSync, mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '@tenax/kernel'
import { type Child, type Ending, startChild } from '../child.ts'
import { faultsOf } from '../crash/data-check.ts'
import { KILL_POINTS, type KillPoint } from '../faults/point-clock.ts'
import { scratchMemory } from '../scratch.ts'
import { Seeded } from '../seeded.ts'
import { KeptLedgers } from './kept-ledgers.ts'
import { type KillLie, type KillLine, type LifeOrder, parseKill } from './kill-lines.ts'
import { KILL_TENANTS, lanesOf } from './kill-load.ts'
import { KillOracle } from './kill-oracle.ts'
import { beginImported, byteFaults, engineFaults, replayFrom, rowCounts, tenantFiles } from './recovered-files.ts'

/** What a chain is made of. Every third seed has tenants that come and go. */
export interface KillChainOptions {
  readonly basePath: string
  readonly seed: number
  readonly killCount: number
  readonly lie?: KillLie
}

/** What a chain came to. */
export interface KillChainResult {
  readonly faults: readonly string[]
  readonly acknowledgedCount: number
  /** Where each process died; `spent` is one that had nothing left to do. */
  readonly deaths: readonly Death[]
}

/** Where a process died: at a point, at any moment, or when it had nothing left to do. */
export type Death = KillPoint | 'any moment' | 'spent'

const WORKER = new URL('../fixtures/kill-worker.ts', import.meta.url)
const FAULTS_TOLD = 20
/**
 * In a chain without verbs every so many-th life dies in a trim, two lives after a clean stop: a catalog's entries hold the
 * segments behind them until the catalog is closed, and it gets one after each unclean stop.
 */
const ROUNDS_PER_TRIM = 5
/** Files that another SQLite looks at in each round. */
const ENGINE_CHECKS = 6

/** Makes a data directory in which every tenant exists and has no row. */
export async function makeKillBase(basePath: string): Promise<void> {
  const order: LifeOrder = {
    dataPath: join(basePath, 'data'),
    keptPath: basePath,
    seed: 0,
    mode: 'create',
    withVerbs: false,
  }
  const { code, signal, stderr } = await startLife(order, () => undefined).ended
  if (code !== 0) throw new Error(`the tenants could not be created: code ${code}, signal ${signal}: ${stderr}`)
}

/** Runs the chain of `seed` on a copy of the base: so many kills, then a look at everything. */
export async function runKillChain(options: KillChainOptions): Promise<KillChainResult> {
  using scratch = scratchMemory()
  const scratchPath = realpathSync(scratch.path)
  cpSync(join(options.basePath, 'data'), join(scratchPath, 'data'), { recursive: true })
  const chain = new Chain(options, scratchPath)
  await chain.begin()
  for (let round = 0; round < options.killCount && chain.faults.length === 0; round += 1) await chain.kill(round)
  if (chain.faults.length === 0) await chain.end()
  return {
    faults: chain.faults.slice(0, FAULTS_TOLD),
    acknowledgedCount: chain.oracle.acknowledgedCount,
    deaths: chain.deaths,
  }
}

function startLife(order: LifeOrder, onLine: (line: KillLine, child: Child) => void): Child {
  return startChild({
    script: WORKER,
    args: [JSON.stringify(order)],
    waits: true,
    onLine: (line, child) => onLine(parseKill(line), child),
  })
}

type Moment = Pick<LifeOrder, 'point' | 'left' | 'fraction'>

class Chain {
  readonly oracle = new KillOracle()
  readonly deaths: Death[] = []
  readonly #options: KillChainOptions
  readonly #seeded: Seeded
  readonly #dataPath: string
  readonly #keptPath: string
  readonly #scratchPath: string
  readonly #replay: ReturnType<typeof replayFrom>
  readonly #ledgers: KeptLedgers
  /** Events of the last recovery that went through: the next one has about as many. */
  #recoveryCount = 40

  constructor(options: KillChainOptions, scratchPath: string) {
    this.#options = options
    this.#seeded = new Seeded(options.seed)
    this.#scratchPath = join(scratchPath, 'scratch')
    this.#dataPath = join(scratchPath, 'data')
    this.#keptPath = join(scratchPath, 'kept')
    mkdirSync(this.#keptPath)
    this.#replay = replayFrom(this.#dataPath)
    const paths = { ledgersPath: join(this.#dataPath, 'ledgers'), keptPath: this.#keptPath }
    this.#ledgers = new KeptLedgers(paths, this.#replay)
  }

  get faults(): readonly string[] {
    return [...this.oracle.faults, ...this.#replay.faults, ...this.#ledgers.faults]
  }

  get #withVerbs(): boolean {
    return this.#options.seed % 3 === 0
  }

  async begin(): Promise<void> {
    await this.#ledgers.pass()
  }

  /** One life and its death. */
  async kill(round: number): Promise<void> {
    if (!this.#withVerbs && round % ROUNDS_PER_TRIM === ROUNDS_PER_TRIM - 2) await this.#stop(round)
    const moment = this.#moment(round)
    let death: Death | undefined
    let linesLeft = moment.point === undefined ? (moment.left ?? 0) : Number.POSITIVE_INFINITY
    const ending = await this.#live({ mode: 'load', round, ...moment }, (line, child) => {
      if (line.type === 'point') death = line.point
      else if (line.type === 'spent') death = 'spent'
      linesLeft -= 1
      if (linesLeft > 0) return
      linesLeft = Number.POSITIVE_INFINITY
      death = 'any moment'
      child.kill('SIGKILL')
    })
    if (ending.signal !== 'SIGKILL' || death === undefined) this.oracle.blame(`life ${round} failed: ${shown(ending)}`)
    else this.deaths.push(death)
    await this.#ledgers.take()
  }

  /** A process that nobody kills. */
  async #stop(round: number): Promise<void> {
    const ending = await this.#live({ mode: 'close', round }, () => undefined)
    if (ending.code !== 0) this.oracle.blame(`the process that was to close failed: ${shown(ending)}`)
    await this.#ledgers.take()
  }

  /** A process that looks at everything and closes; then nobody's files are open. */
  async end(): Promise<void> {
    const ending = await this.#live({ mode: 'look', round: this.#options.killCount }, () => undefined)
    if (ending.code !== 0) this.oracle.blame(`the last process failed: ${shown(ending)}`)
    const faults = faultsOf(this.#dataPath)
    const counts = rowCounts(this.#dataPath)
    for (const lane of KILL_TENANTS.flatMap(lanesOf)) {
      const [count, promised] = [counts.get(lane) ?? 0, this.oracle.promisedOf(lane)]
      if (count !== promised) faults.push(`another SQLite finds ${count} rows in ${lane}, the host found ${promised}`)
    }
    for (const fault of faults) this.oracle.blame(fault)
  }

  #moment(round: number): Moment {
    const seeded = this.#seeded
    const isTrim = !this.#withVerbs && round % ROUNDS_PER_TRIM === ROUNDS_PER_TRIM - 1
    const point = isTrim ? 'mid-trim' : seeded.pick(this.#withVerbs ? VERB_POINTS : STEADY_POINTS)
    const fraction = seeded.next()
    // A recovery begins with the ledgers; most of its events are the logs of tenants, one after another.
    const isLate = point === 'mid-recovery' && seeded.below(2) === 0
    const left = 1 + seeded.below(isLate ? this.#recoveryCount : LEFT_MAX[point])
    return point === 'any moment' ? { left, fraction } : { point, left, fraction }
  }

  async #live(
    { round, ...order }: Pick<LifeOrder, 'mode'> & Moment & { readonly round: number },
    onLine: (line: KillLine, child: Child) => void,
  ): Promise<Ending> {
    const { seed, lie } = this.#options
    const life: LifeOrder = {
      ...order,
      dataPath: this.#dataPath,
      keptPath: this.#keptPath,
      seed: seed * 1_000 + round,
      withVerbs: this.#withVerbs,
      ...(lie === undefined ? {} : { lie }),
    }
    let comparing = Promise.resolve()
    const ending = await startLife(life, (line, child) => {
      this.oracle.hear(line)
      if (line.type === 'recovered') {
        this.#recoveryCount = Math.max(1, line.eventCount)
        comparing = this.#compare().finally(() => child.go())
      }
      onLine(line, child)
    }).ended
    await comparing // who is killed while it waits leaves it under way
    return ending
  }

  /** Compares every file with its replay, and has another SQLite look at some. */
  async #compare(): Promise<void> {
    await this.#ledgers
      .look()
      .catch((error: unknown) => this.oracle.blame(`the ledger of a recovery: ${messageOf(error)}`))
    beginImported(this.#replay, this.#dataPath, this.#scratchPath)
    const files = tenantFiles(this.#dataPath)
    const faults = byteFaults(this.#dataPath, this.#replay)
    for (let left = ENGINE_CHECKS; left > 0; left -= 1) {
      const file = this.#seeded.pick(files)
      faults.push(...engineFaults(file, this.#replay.image(file.incarnation), this.#scratchPath))
    }
    for (const fault of faults) this.oracle.blame(fault)
  }
}

/** Where lives die by chance, without tenants that come and go, and with them. */
const STEADY_POINTS = [
  ...KILL_POINTS.filter((point) => point !== 'mid-verb' && point !== 'mid-trim'),
  'any moment',
] as const
const VERB_POINTS = [
  'mid-verb',
  'mid-verb',
  'mid-verb',
  'mid-recovery',
  'mid-append',
  'after fsync',
  'any moment',
] as const

/** Moments of each name in a life, fewer than it has: of `any moment`, lines that it says. */
const LEFT_MAX: Readonly<Record<Death, number>> = {
  'after commit': 80,
  'before append': 12,
  'mid-append': 12,
  'before fsync': 10,
  'after fsync': 10,
  'mid-recovery': 60,
  'mid-checkpoint': 30,
  'mid-trim': 4,
  'mid-verb': 400,
  'any moment': 800,
  spent: 1,
}
function shown({ code, signal, stderr }: Ending): string {
  return `code ${code}, signal ${signal}: ${stderr}`
}
