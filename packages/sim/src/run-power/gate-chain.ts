/**
 * Power cuts under workflows, one after another on the same data: each life recovers what a cut has left, goes on with the
 * runs that it finds, takes more, and loses its power at several seeded events. Each cut is made on a copy of the bytes and
 * checked; the next life begins with the last one's.
 */
import { realpathSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ENGINE_TABLES, type EngineHandle, type EngineTenancy, Workflows } from '@tenax/engine'
import {
  type DurabilityClass,
  messageOf,
  parseTenantId,
  type SqlValue,
  systemClock,
  type TenantId,
} from '@tenax/kernel'
import { libsqlDriver } from '@tenax/sqlite'
import { systemRandomId, type Tenancy } from '@tenax/tenancy'
import { CrashClock } from '../faults/crash-clock.ts'
import { cutCopy } from '../faults/cut-copy.ts'
import { openHost } from '../host.ts'
import { LooseDisk } from '../power/loose-disk.ts'
import { LooseMainFiles } from '../power/loose-main-files.ts'
import { scratchMemory } from '../scratch.ts'
import { Seeded } from '../seeded.ts'
import { foundIn } from './found-tenants.ts'
import { toldRows, written } from './told-rows.ts'
import { type Moment, Witness } from './witness.ts'

/** What a chain is made of. */
export interface GateChainOptions {
  readonly seed: number
  readonly lifeCount: number
  readonly cutsPerLife: number
  /** What the checks must find: a disk whose fsyncs come to nothing, effects that do not wait for any. */
  readonly lie?: 'disk' | 'gate'
}

/** What came of it. */
export interface GateChainReport {
  readonly faults: readonly string[]
  readonly cutCount: number
  readonly lineCount: number
  readonly acceptedCount: number
  /** Runs that the last life found, all of which ended. */
  readonly runCount: number
}

/** Tenants, each with its class: effects wait for the disk in all of them. */
const TENANTS: readonly { readonly id: TenantId; readonly durability: DurabilityClass }[] = [
  { id: parseTenantId('local-0'), durability: 'local' },
  { id: parseTenantId('local-1'), durability: 'local' },
  { id: parseTenantId('relaxed-0'), durability: 'relaxed' },
  { id: parseTenantId('relaxed-1'), durability: 'relaxed' },
]
/** Fewer handles than tenants, so that files are closed under load. */
const HOST = {
  migrations: [{ name: '0001-entry.sql', sql: 'CREATE TABLE entry (n INTEGER PRIMARY KEY) STRICT' }],
  ...{ handlesMax: 3, shardCount: 1, tables: ENGINE_TABLES },
  ledger: { segmentBytesMax: 160 * 1024, batchBytesMax: 48 * 1024 },
}
const SYNC_MS = 3
/** Somewhat more than a life has: some cuts find everything done. */
const EVENTS_MAX = 1_000

interface Chain extends GateChainOptions {
  readonly witness: Witness
  readonly scratchPath: string
  cutCount: number
  rowCount: number
}

/** Runs the chain of `seed`, to its end or to the first fault. */
export async function runGateChain(options: GateChainOptions): Promise<GateChainReport> {
  using scratch = scratchMemory()
  const witness = new Witness()
  const chain: Chain = { ...options, witness, scratchPath: realpathSync(scratch.path), cutCount: 0, rowCount: 0 }
  const seeded = new Seeded(options.seed)
  let runCount = 0
  for (let index = 0; index <= options.lifeCount && witness.faults.length === 0; index += 1) {
    const life = new Life(chain, index, seeded.branch(`life ${index}`))
    runCount = await life.run(index === options.lifeCount)
  }
  const { cutCount } = chain
  const { faults, lineCount, acceptedCount } = witness
  return { faults, cutCount, lineCount, acceptedCount, runCount }
}

interface Host {
  readonly tenancy: Tenancy
  readonly workflows: Workflows
}

/** A copy of the data as a cut has left it, and how much had happened by then. */
interface Cut {
  readonly path: string
  readonly at: Moment
}

/** One life between two power cuts. */
class Life {
  readonly #chain: Chain
  readonly #index: number
  readonly #seeded: Seeded
  readonly #dataPath: string
  readonly #clock = new CrashClock(() => this.#cut())
  readonly #disk: LooseDisk
  readonly #mainFiles: LooseMainFiles
  readonly #cuts: Cut[] = []
  #isSet = false

  constructor(chain: Chain, index: number, seeded: Seeded) {
    this.#chain = chain
    this.#index = index
    this.#seeded = seeded
    this.#dataPath = join(chain.scratchPath, `life-${index}`)
    const [clock, dataPath] = [this.#clock, this.#dataPath]
    this.#disk = new LooseDisk({ clock, lies: chain.lie === 'disk', syncMs: SYNC_MS })
    this.#mainFiles = new LooseMainFiles({ dataPath, clock, lies: false })
  }

  /** Gives how many runs have ended, of the last life. */
  async run(isLast: boolean): Promise<number> {
    const { witness, cutsPerLife } = this.#chain
    let runCount = 0
    try {
      if (!isLast && this.#seeded.below(2) === 0) this.#setClock(this.#seeded)
      runCount = await this.#live(isLast)
      while (!isLast && this.#cuts.length < cutsPerLife) this.#cut()
    } catch (error) {
      witness.faults.push(`life ${this.#index}: ${textOf(error)}`)
    }
    this.#mainFiles.end()
    rmSync(this.#dataPath, { recursive: true, force: true })
    for (const cut of this.#cuts.slice(0, -1)) await this.#check(cut)
    const last = this.#cuts.at(-1)
    if (last === undefined) return runCount
    witness.goBack(last.at)
    renameSync(last.path, join(this.#chain.scratchPath, `life-${this.#index + 1}`))
    return runCount
  }

  async #live(isLast: boolean): Promise<number> {
    const { witness, lie } = this.#chain
    const tenancy = await this.#open()
    const found = await foundIn(tenancy)
    witness.check(found, witness.now(), `life ${this.#index}`)
    witness.beginLife(found)
    const workflows = Workflows.create({
      ...{ tenancy: lie === 'gate' ? hasty(tenancy) : tenancy, clock: systemClock, randomId: systemRandomId },
      workflows: toldRows((line) => witness.tell(line)),
      onEvent: (event) => witness.faults.push(`life ${this.#index}: ${JSON.stringify(event)}`),
    })
    try {
      if (isLast) return await this.#drain({ tenancy, workflows })
      await this.#load({ tenancy, workflows })
      return 0
    } finally {
      await workflows.close()
      await tenancy.close()
    }
  }

  #open(): Promise<Tenancy> {
    const { witness } = this.#chain
    return openHost({
      ...HOST,
      ...{ dataPath: this.#dataPath, driver: this.#mainFiles.watch(libsqlDriver), ledgerFiles: this.#disk },
      onFatal: (error) => witness.faults.push(`the host failed: ${messageOf(error)}`),
      onEvent: (event) => {
        if (event.type === 'quarantined') witness.faults.push(`quarantined ${event.tenantId}: ${event.reason}`)
      },
    })
  }

  async #load(host: Host): Promise<void> {
    const { tenancy } = host
    for (const { id, durability } of TENANTS) {
      if (tenancy.list({ limit: 9, afterId: '', prefix: id, accepts: () => true }).tenants.length > 0) continue
      await tenancy.create(id, { durability })
    }
    if (!this.#isSet) this.#setClock(this.#seeded)
    await Promise.all(
      TENANTS.map(async ({ id }) => {
        for (let left = 1 + this.#seeded.below(2); left > 0; left -= 1) await this.#tellOf(host, id)
        if (this.#seeded.below(4) === 0) await tenancy.use(id, (handle) => handle.checkpointSoon())
      }),
    )
  }

  /** A row that a run or a client writes, and that another run tells of. */
  async #tellOf({ tenancy, workflows }: Host, id: TenantId): Promise<void> {
    this.#chain.rowCount += 1
    const row = this.#chain.rowCount
    const start = async (workflow: string) => {
      await workflows.start(id, { workflow, id: `${workflow}-${row}`, input: { row } })
      if (id.startsWith('local')) this.#chain.witness.accept(id, `${workflow}-${row}`)
    }
    const write = async () => {
      if (byRun) return start('writer')
      await insertRow(tenancy, id, row) // nobody waits for the disk
      await sayRow(workflows, id, row)
    }
    const byRun = this.#seeded.below(2) === 0
    if (this.#seeded.below(2) === 0) await Promise.all([start('reader'), write()])
    else {
      await write()
      await start('reader')
    }
    await workflows.result(id, `reader-${row}`, { timeoutMs: 30_000 })
  }

  /** Says what a cut has taken from those who wait, and waits until all runs have ended; gives how many there are. */
  async #drain({ tenancy, workflows }: Host): Promise<number> {
    let count = 0
    for (const { id } of TENANTS) {
      const { runs } = await workflows.list(id, { limit: 500 })
      for (const { id: name, workflow } of runs) {
        const row = Number(name.split('-')[1])
        if (workflow === 'reader') await insertRow(tenancy, id, row)
        if (workflow === 'reader') await sayRow(workflows, id, row)
        const { status } = await workflows.result(id, name, { timeoutMs: 60_000 })
        if (status !== 'completed') this.#chain.witness.faults.push(`${id}/${name} is ${status} in the end`)
        count += 1
      }
    }
    return count
  }

  #setClock(seeded: Seeded): void {
    this.#isSet = true
    this.#clock.set(1 + seeded.below((2 * EVENTS_MAX) / this.#chain.cutsPerLife))
  }

  /** Makes a copy of what is left. Synchronous: but for what the thread pool is at, nothing of this process happens meanwhile. */
  #cut(): void {
    const { cutsPerLife, witness } = this.#chain
    if (this.#cuts.length >= cutsPerLife) return
    const seeded = this.#seeded.branch(`cut ${this.#cuts.length}`)
    const path = join(this.#chain.scratchPath, `life-${this.#index}-cut-${this.#cuts.length}`)
    this.#cuts.push({ path, at: witness.now() })
    this.#chain.cutCount += 1
    cutCopy(this.#dataPath, path)
    this.#disk.loseFrom(join(path, 'ledgers'), seeded)
    this.#mainFiles.loseFrom(path, seeded)
    this.#setClock(seeded)
  }

  /** Recovers a cut and holds it to what was told by then. */
  async #check({ path, at }: Cut): Promise<void> {
    const { witness } = this.#chain
    const where = path.split('/').at(-1) ?? path
    try {
      const tenancy = await openHost({ ...HOST, handlesMax: TENANTS.length, dataPath: path })
      witness.check(await foundIn(tenancy), at, where)
      await tenancy.close()
    } catch (error) {
      witness.faults.push(`${where}: ${textOf(error)}`)
    }
    rmSync(path, { recursive: true, force: true })
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? messageOf(error)) : String(error)
}

/** Effects that do not wait for the disk: what the chain must find. */
function hasty(tenancy: Tenancy): EngineTenancy {
  return {
    use: (id, fn) =>
      tenancy.use(id, (handle) => {
        const hurried: EngineHandle = {
          meta: handle.meta,
          commit: (body) => handle.commit(body),
          read: (body) => handle.read(body),
          gated: (work) => handle.gated(work),
          wayOut: () => handle.wayOut(),
          settled: () => Promise.resolve(),
        }
        return fn(hurried)
      }),
    setWake: (id, wakeAtMs) => tenancy.setWake(id, wakeAtMs),
    dueTenants: (nowMs, limit) => tenancy.dueTenants(nowMs, limit),
  }
}

function insertRow(tenancy: Tenancy, id: TenantId, row: number): Promise<unknown> {
  return run(tenancy, id, 'INSERT OR IGNORE INTO entry VALUES (?)', BigInt(row))
}

function sayRow(workflows: Workflows, id: TenantId, row: number): Promise<unknown> {
  return workflows.send(id, { name: written.name, key: String(row), payload: { row }, id: `e-${row}` })
}

function run(tenancy: Tenancy, id: TenantId, sql: string, ...positional: SqlValue[]): Promise<unknown> {
  return tenancy.use(id, (handle) => handle.execute(sql, { positional, named: [] }))
}
