/** One life of a host, in the process that is killed. */
import { join } from 'node:path'
import { assert, isTenaxError, systemClock, type TenantId } from '@tenax/kernel'
import { fsSegmentFiles, ledgerDirectoryName, parseLedgerDirectoryName, readLedger } from '@tenax/ledger'
import { libsqlDriver } from '@tenax/sqlite'
import type { Tenancy } from '@tenax/tenancy'
import { waitForGo } from '../child.ts'
import { LOAD_MIGRATIONS } from '../crash/load-tenants.ts'
import {
  fileMaker,
  loadMortal,
  lookAtMarks,
  type MakeFile,
  type MortalState,
  readMortal,
} from '../crash/mortal-load.ts'
import { PointClock } from '../faults/point-clock.ts'
import { pointedFiles } from '../faults/pointed-files.ts'
import { type EngineMoment, tickingDriver } from '../faults/ticking-driver.ts'
import { openHost } from '../host.ts'
import { Seeded } from '../seeded.ts'
import { keepBase } from './kept-bases.ts'
import { type LifeOrder, sayKill } from './kill-lines.ts'
import {
  isRelaxed,
  KILL_HANDLES_MAX,
  KILL_LEDGER,
  KILL_MORTALS,
  KILL_SHARD_COUNT,
  KILL_TENANTS,
  loadKills,
  lookAtRows,
} from './kill-load.ts'

/** The order as it was given. Only for the argument of our own worker. */
export function parseOrder(text: string): LifeOrder {
  const value: unknown = JSON.parse(text)
  assert(typeof value === 'object' && value !== null && 'dataPath' in value, 'the worker was told what to do')
  return value as LifeOrder
}

/** Longest that a checkpoint on another thread goes on before the process dies in it. */
const CHECKPOINT_MS_MAX = 0.4

/** A host from its start to its death. */
export class Life {
  readonly clock: PointClock
  readonly #order: LifeOrder
  readonly #seeded: Seeded
  readonly #readFile: (path: string) => Uint8Array

  constructor(order: LifeOrder, { readFile }: { readFile: (path: string) => Uint8Array }) {
    this.#order = order
    this.#readFile = readFile
    this.#seeded = new Seeded(order.seed)
    this.clock = new PointClock({ point: order.point, left: order.left ?? 0, strike: () => this.#die() })
  }

  #die(): void {
    if (this.#order.point !== undefined) sayKill({ type: 'point', point: this.#order.point })
    process.kill(process.pid, 'SIGKILL')
  }

  /** The host syncs the file at `path`. */
  onSync(path: string): void {
    if (!path.endsWith('.db')) return
    this.clock.pass('mid-checkpoint')
    this.clock.passAny()
  }

  /** Works until it dies, or until everything is done. */
  async live(): Promise<void> {
    const { mode } = this.#order
    sayKill({ type: 'starting' })
    const tenancy = await this.#open()
    this.clock.isRecovering = false
    if (mode === 'create') return this.#create(tenancy)
    sayKill({ type: 'recovered', eventCount: this.clock.recoveryCount })
    waitForGo()
    if (mode === 'close') return tenancy.close()
    const mortals = this.#order.withVerbs ? await lookAtMortals(tenancy) : new Map<TenantId, MortalState>()
    if (mode === 'look') {
      for (const id of KILL_TENANTS) await lookAtRows(tenancy, id)
      return tenancy.close()
    }
    sayKill({ type: 'looked' })
    await Promise.all([this.#write(tenancy), ...this.#comeAndGo(tenancy, mortals)])
  }

  #open(): Promise<Tenancy> {
    const { dataPath, keptPath, fraction = 0, lie } = this.#order
    const strike = () => this.#die()
    return openHost({
      dataPath,
      handlesMax: KILL_HANDLES_MAX,
      shardCount: KILL_SHARD_COUNT,
      migrations: LOAD_MIGRATIONS,
      driver: tickingDriver(libsqlDriver, {
        clock: { tick: () => undefined },
        onMoment: (moment) => this.#onMoment(moment),
      }),
      ledger: KILL_LEDGER,
      ledgerFiles: pointedFiles({ clock: this.clock, strike, fraction, keptPath, lies: lie === 'fsync' }),
      onEvent(event) {
        if (event.type === 'quarantined')
          sayKill({ type: 'violation', text: `quarantined ${event.tenantId}: ${event.reason}` })
      },
    })
  }

  #onMoment({ deed, side, path }: EngineMoment): void {
    if (path.endsWith('catalog.db')) {
      if (side !== 'during') this.clock.passAny()
    } else if (deed === 'commit') {
      if (side === 'behind') this.clock.pass('after commit')
    } else if (side !== 'during') this.clock.pass('mid-checkpoint')
    else if (this.clock.isDue('mid-checkpoint')) {
      const endMs = systemClock.monotonicMs() + (this.#order.fraction ?? 0) * CHECKPOINT_MS_MAX
      while (systemClock.monotonicMs() < endMs) void 0 // the other thread copies pages meanwhile
      this.#die()
    }
  }

  async #create(tenancy: Tenancy): Promise<void> {
    for (const id of KILL_TENANTS) await tenancy.create(id, isRelaxed(id) ? { durability: 'relaxed' } : {})
    await tenancy.close()
  }

  async #write(tenancy: Tenancy): Promise<void> {
    const { point, lie, dataPath } = this.#order
    const order = point === 'mid-trim' ? await oldestFirst(tenancy, dataPath) : []
    const checkpoints = point === 'mid-trim' || point === 'mid-checkpoint'
    await loadKills({ tenancy, seeded: this.#seeded.branch('load'), order, checkpoints, lie })
    sayKill({ type: 'spent' })
    process.kill(process.pid, 'SIGKILL')
  }

  #comeAndGo(tenancy: Tenancy, found: ReadonlyMap<TenantId, MortalState>): Promise<never>[] {
    if (!this.#order.withVerbs) return []
    const makeFile = fileMaker(join(this.#order.keptPath, `stranger-${process.pid}.db`), this.#readFile)
    return [
      ...KILL_MORTALS.map((id) => this.#loadMortal({ tenancy, id, found: found.get(id), makeFile })),
      ...KILL_MORTALS.slice(0, 2).map((id) => readMortal(tenancy, id)),
    ]
  }

  #loadMortal(options: { tenancy: Tenancy; id: TenantId; found: MortalState; makeFile: MakeFile }): Promise<never> {
    const onVerb = (isUnderWay: boolean) => {
      this.clock.verbCount += isUnderWay ? 1 : -1
    }
    const { dataPath, keptPath } = this.#order
    const onImported = () => keepBase({ dataPath, keptPath }, options.tenancy.get(options.id).incarnation)
    return loadMortal({ ...options, seeded: this.#seeded.branch(options.id), onVerb, onImported })
  }
}

/** Tenants in the order in which they hold the ledger's oldest segments. */
async function oldestFirst(tenancy: Tenancy, dataPath: string): Promise<TenantId[]> {
  const ledgers = join(dataPath, 'ledgers')
  const names = (await fsSegmentFiles.list(ledgers)).map(parseLedgerDirectoryName).filter((name) => name !== undefined)
  const newest = names.sort((a, b) => a.epoch - b.epoch).at(-1)
  assert(newest !== undefined, 'a host has a ledger')
  const held = new Map<string, number>()
  const source = { directory: join(ledgers, ledgerDirectoryName(newest)), files: fsSegmentFiles }
  for await (const { record, seq } of readLedger(source)) {
    if (record.kind === 'entry' && !held.has(record.incarnation)) held.set(record.incarnation, seq)
  }
  const seqOf = (id: TenantId) => held.get(tenancy.get(id).incarnation) ?? Number.MAX_SAFE_INTEGER
  const rest = KILL_TENANTS.map((id) => ({ id, seq: seqOf(id) })).sort((a, b) => a.seq - b.seq)
  return rest.map(({ id }) => id)
}

/** Says what became of the tenants that come and go. A suspended one is resumed, so that it can be read. */
async function lookAtMortals(tenancy: Tenancy): Promise<Map<TenantId, MortalState>> {
  const found = new Map<TenantId, MortalState>()
  for (const id of KILL_MORTALS) {
    const record = recordOf(tenancy, id)
    const suspended = record?.suspendedAtMs !== undefined
    sayKill({ type: 'found_record', tenantId: id, exists: record !== undefined, suspended })
    if (record === undefined) continue
    if (suspended) await tenancy.resume(id)
    const marks = await lookAtMarks(tenancy, id)
    sayKill({ type: 'found_marks', tenantId: id, marks })
    found.set(id, { suspended: false, marks })
  }
  return found
}

function recordOf(tenancy: Tenancy, id: TenantId) {
  try {
    return tenancy.get(id)
  } catch (error) {
    if (isTenaxError(error, 'tenant_not_found')) return undefined
    throw error
  }
}
