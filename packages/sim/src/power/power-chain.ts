/**
 * Power cuts, one after another on the same data: each life recovers what the last cut left, is checked, works, and loses
 * its power at an event that the seed chooses, in recovery as well. The cut is made on a copy of the bytes: what was synced,
 * and any part of the rest. So nothing is killed, and a round costs little.
 */
import { existsSync, realpathSync, rmSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, type TenantId } from '@tenax/kernel'
import { fsSegmentFiles } from '@tenax/ledger'
import { libsqlDriver } from '@tenax/sqlite'
import type { Tenancy } from '@tenax/tenancy'
import { CrashClock } from '../faults/crash-clock.ts'
import { cutCopy } from '../faults/cut-copy.ts'
import { openHost } from '../host.ts'
import { scratchMemory } from '../scratch.ts'
import { Seeded } from '../seeded.ts'
import { byteFaults } from './byte-check.ts'
import { LooseDisk } from './loose-disk.ts'
import { LooseMainFiles } from './loose-main-files.ts'
import { loadUntilCut, POWER_MIGRATIONS, tenantNames } from './power-load.ts'
import { PowerOracle } from './power-oracle.ts'
import { cutRecords, Replay } from './replay.ts'

/** A promise that the disk breaks: then the checks must find what comes of it. */
export type Lie = 'ledger' | 'main files'

/** What a chain is made of. */
export interface PowerChainOptions {
  readonly seed: number
  readonly roundCount: number
  readonly tenantCount: number
  /** `power` (default) takes what was not synced; `kill` leaves everything that was written, as SIGKILL does. */
  readonly loss?: 'power' | 'kill'
  readonly lie?: Lie
}

/** What a chain came to. */
export interface PowerChainResult {
  readonly faults: readonly string[]
  readonly acknowledgedCount: number
  readonly cutCount: number
  /** Fsyncs of main files that were seen: none would mean that nobody watched. */
  readonly mainSyncCount: number
  /** When the power went in each life, and how many events it had. */
  readonly lives: readonly string[]
}

const MORTAL_COUNT = 3
/** Fewer than tenants, so that files are closed under load. */
const HANDLES_MAX = 10
const SHARD_COUNT = 2
/** Small, so that segments end, entries come in parts and spares are taken in every life. */
const LEDGER = { segmentBytesMax: 160 * 1024, batchBytesMax: 48 * 1024 }

interface Chain extends PowerChainOptions {
  readonly steady: readonly TenantId[]
  readonly mortal: readonly TenantId[]
  readonly oracle: PowerOracle
  readonly replay: Replay
  readonly scratchPath: string
  readonly lives: string[]
  mainSyncCount: number
}

/** Runs the chain of `seed`, to its end or to the first fault. */
export async function runPowerChain(options: PowerChainOptions): Promise<PowerChainResult> {
  using scratch = scratchMemory()
  const chain: Chain = {
    ...options,
    steady: tenantNames('steady', options.tenantCount),
    mortal: tenantNames('mortal', MORTAL_COUNT),
    oracle: new PowerOracle(),
    replay: new Replay(),
    scratchPath: realpathSync(scratch.path),
    lives: [],
    mainSyncCount: 0,
  }
  const seeded = new Seeded(options.seed)
  let cutCount = 0
  for (let round = 0; round <= options.roundCount && faultsOf(chain).length === 0; round += 1) {
    await new Life(chain, round, seeded.branch(`round ${round}`)).run()
    cutCount = round
  }
  const { lives, mainSyncCount } = chain
  const { acknowledgedCount } = chain.oracle
  return { faults: faultsOf(chain), acknowledgedCount, cutCount, mainSyncCount, lives }
}

function faultsOf({ oracle, replay }: Chain): string[] {
  return [...oracle.faults, ...replay.faults]
}

/** When the power goes, if it is not later than everything that there is to do. */
interface Moment {
  readonly phase: keyof typeof EVENTS_MAX
  readonly events: number
}

/** One life between two power cuts. */
class Life {
  readonly #chain: Chain
  readonly #round: number
  readonly #seeded: Seeded
  readonly #dataPath: string
  readonly #nextPath: string
  readonly #clock = new CrashClock(() => this.#cut())
  readonly #disk: LooseDisk
  readonly #mainFiles: LooseMainFiles
  #truth: ReturnType<PowerOracle['freeze']> | undefined

  constructor(chain: Chain, round: number, seeded: Seeded) {
    this.#chain = chain
    this.#round = round
    this.#seeded = seeded
    this.#dataPath = join(chain.scratchPath, `life-${round}`)
    this.#nextPath = join(chain.scratchPath, `life-${round + 1}`)
    const [clock, dataPath] = [this.#clock, this.#dataPath]
    this.#disk = new LooseDisk({ clock, lies: chain.lie === 'ledger' })
    this.#mainFiles = new LooseMainFiles({ dataPath, clock, lies: chain.lie === 'main files' })
  }

  async run(): Promise<void> {
    const { oracle } = this.#chain
    const moment = this.#moment()
    try {
      await this.#live(moment)
    } catch (error) {
      oracle.faults.push(
        `life ${this.#round}: ${error instanceof Error ? (error.stack ?? messageOf(error)) : String(error)}`,
      )
    }
    this.#chain.mainSyncCount += this.#mainFiles.syncCount
    this.#chain.lives.push(`${moment.phase} ${moment.events} of ${this.#clock.eventCount}`)
    this.#mainFiles.end()
    rmSync(this.#dataPath, { recursive: true, force: true })
    if (this.#truth === undefined) return
    oracle.goBack(this.#truth)
    await this.#takeRecords()
  }

  #moment(): Moment {
    const phase = this.#round === 0 ? 'load' : this.#seeded.pick(PHASES)
    return { phase, events: 1 + this.#seeded.below(EVENTS_MAX[phase]) }
  }

  async #live({ phase, events }: Moment): Promise<void> {
    if (phase === 'recovery') this.#clock.set(events)
    const tenancy = await this.#open()
    this.#checkBytes(tenancy)
    if (phase === 'look') this.#clock.set(events)
    await this.#look(tenancy)
    if (phase === 'load') this.#clock.set(events)
    if (this.#truth === undefined) await this.#load(tenancy)
    if (phase === 'closing') this.#clock.set(events)
    else if (phase !== 'closed') this.#cut()
    await tenancy.close()
    this.#cut()
  }

  #open(): Promise<Tenancy> {
    const { oracle } = this.#chain
    return openHost({
      dataPath: this.#dataPath,
      handlesMax: HANDLES_MAX,
      shardCount: SHARD_COUNT,
      migrations: POWER_MIGRATIONS,
      driver: this.#mainFiles.watch(libsqlDriver),
      ledger: LEDGER,
      ledgerFiles: this.#disk,
      onFatal: (error) => {
        if (this.#truth === undefined) oracle.faults.push(`the host failed: ${messageOf(error)}`) // else it has no power
      },
      onEvent: (event) => {
        if (event.type === 'quarantined') oracle.faults.push(`quarantined ${event.tenantId}: ${event.reason}`)
      },
    })
  }

  #checkBytes(tenancy: Tenancy): void {
    const { oracle, replay, scratchPath } = this.#chain
    const check = { replay, seeded: this.#seeded, dataPath: this.#dataPath, scratchPath: join(scratchPath, 'check') }
    oracle.faults.push(...byteFaults(tenancy, { ...check, tenantsMax: BYTE_CHECKS }))
  }

  /** Compares what is there with what was promised. */
  async #look(tenancy: Tenancy): Promise<void> {
    const { oracle, steady, mortal } = this.#chain
    const { tenants } = tenancy.list({ limit: 1_000, afterId: '', prefix: '', accepts: () => true })
    oracle.foundTenants(new Set(tenants.map(({ id }) => id)))
    const looked = [...steady, ...mortal].filter((id) => oracle.exists(id) === true)
    await Promise.all(
      looked.map(async (id) => {
        const { rows } = await tenancy.use(id, (handle) => handle.execute(COUNT_ROWS, { positional: [], named: [] }))
        const [count, last] = rows[0] ?? []
        oracle.foundRows(id, { count: Number(count), last: Number(last) })
      }),
    )
  }

  async #load(tenancy: Tenancy): Promise<void> {
    const { oracle, steady, mortal } = this.#chain
    for (const id of steady.filter((one) => oracle.exists(one) !== true)) {
      oracle.beginVerb(id)
      await tenancy.create(id)
      oracle.endVerb(id, true)
    }
    const seeded = this.#seeded
    const isOver = () => this.#truth !== undefined
    await loadUntilCut({ tenancy, oracle, seeded, isOver, mortal, steady: steady.filter(() => seeded.below(2) === 0) })
  }

  /** Makes the copy that the next life begins with. Synchronous: but for what the thread pool is at, nothing happens meanwhile. */
  #cut(): void {
    if (this.#truth !== undefined) return
    this.#truth = this.#chain.oracle.freeze()
    const seeded = this.#seeded.branch('cut')
    cutCopy(this.#dataPath, this.#nextPath)
    if (this.#chain.loss === 'kill') return
    this.#disk.loseFrom(join(this.#nextPath, 'ledgers'), seeded)
    this.#mainFiles.loseFrom(this.#nextPath, seeded)
  }

  /** The ledgers that this life began, as the cut has left them, go into the replay. */
  async #takeRecords(): Promise<void> {
    const { oracle, replay } = this.#chain
    const ledgers = join(this.#nextPath, 'ledgers')
    const names = existsSync(ledgers) ? await readdir(ledgers) : []
    for (const name of names.sort()) {
      const written = this.#disk.historyOf(join(this.#dataPath, 'ledgers', name))
      if ((await written.list('')).length === 0) continue // an older ledger, or none yet
      try {
        const records = await cutRecords({ directory: join(ledgers, name), left: fsSegmentFiles, written })
        for (const { record } of records.written) if (record.kind === 'entry') replay.see(record)
        for (const { record } of records.surviving) if (record.kind === 'entry') replay.take(record)
      } catch (error) {
        oracle.faults.push(`what the cut of life ${this.#round} left of ${name}: ${messageOf(error)}`)
      }
    }
  }
}

const PHASES = ['recovery', 'look', 'load', 'load', 'load', 'idle', 'closing', 'closed'] as const
/** Somewhat more than a life of 24 tenants has, so that now and then the cut finds everything done. */
const EVENTS_MAX = { recovery: 150, look: 200, load: 1_000, idle: 1, closing: 120, closed: 1 } as const
const BYTE_CHECKS = 8
const COUNT_ROWS = 'SELECT count(*), coalesce(max(seq), 0) FROM entry'
