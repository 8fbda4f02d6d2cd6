/**
 * Test E of WORKFLOWS: sagas to which an operator does something, or whose host is thrown away, behind each of their commits.
 * Whatever happens, a run ends; then either all of it stands, or nothing.
 */
import { ENGINE_TABLES, type EngineTenancy, Workflows } from '@tenax/engine'
import { isTenaxError, parseTenantId, systemClock, TenaxError } from '@tenax/kernel'
import { systemRandomId, type Tenancy } from '@tenax/tenancy'
import { openHost } from '../host.ts'
import { scratchDirectory } from '../scratch.ts'
import { Seeded } from '../seeded.ts'
import { sagaWorkflows, World } from './saga-workflow.ts'

const ACME = parseTenantId('acme')

/** What is done behind a commit. */
export const BLOWS = ['cancel', 'pause', 'pause and cancel', 'crash', 'cancel and crash'] as const

/** One of {@link BLOWS}. */
export type Blow = (typeof BLOWS)[number]

/** What came of a series. */
export interface SagaReport {
  readonly faults: readonly string[]
  readonly runCount: number
  /** Runs by their ends. */
  readonly ends: Readonly<Record<string, number>>
  /** Compensations that were stuck, and how they were seen to. */
  readonly skippedCount: number
  readonly retriedCount: number
}

/** Commits behind which something is done, at most: a saga has fewer. */
const COMMITS_MAX = 40

/** Runs sagas, each with one blow behind a commit further on, until they have ended before it comes. */
export async function runSagas({ seed, blow }: { readonly seed: number; readonly blow: Blow }): Promise<SagaReport> {
  using scratch = scratchDirectory()
  const tenancy = await openHost({ dataPath: scratch.path, handlesMax: 4, shardCount: 1, tables: ENGINE_TABLES })
  await tenancy.create(ACME)
  const none = { positional: [], named: [] }
  await tenancy.use(ACME, (handle) => handle.execute('CREATE TABLE booked (run TEXT, amount INTEGER)', none))
  const fire = new Fire(tenancy, new Seeded(seed), blow)
  for (let commit = 1; commit <= COMMITS_MAX && (await fire.runOne(commit)); commit += 1);
  await fire.close()
  await tenancy.close()
  return fire.report
}

/** What was skipped of a run and of its child. */
const SKIPPED = `SELECT r.skipped FROM tenax_run r LEFT JOIN tenax_run p ON p.number = r.parent_run
  WHERE ? IN (r.id, p.id) AND r.skipped IS NOT NULL`

/** Children that ended behind the first compensation of a parent that was cancelled. */
const EARLY = `SELECT 1 FROM tenax_run p JOIN tenax_run c ON c.parent_run = p.number
  WHERE p.id = ? AND p.status = 'cancelled' AND c.ended_at_ms > (SELECT min(asked_at_ms) FROM tenax_step s
    WHERE s.run = p.number AND s.identity LIKE 'compensate[charge%')`

class Fire {
  readonly report = {
    faults: [] as string[],
    runCount: 0,
    ends: {} as Record<string, number>,
    skippedCount: 0,
    retriedCount: 0,
  }
  readonly #tenancy: Tenancy
  readonly #seeded: Seeded
  readonly #blow: Blow
  readonly #world = new World()
  #workflows: Workflows
  #commitCount = 0
  #blowAt = 0
  #crashAt = 0
  #isDead = false
  #blown: Promise<unknown> = Promise.resolve()
  #run = ''

  constructor(tenancy: Tenancy, seeded: Seeded, blow: Blow) {
    this.#tenancy = tenancy
    this.#seeded = seeded
    this.#blow = blow
    this.#workflows = this.#host()
  }

  /** One saga with its blow behind commit number `at`. False when it had ended before. */
  async runOne(at: number): Promise<boolean> {
    const id = `r-${at}`
    Object.assign(this.report, { runCount: this.report.runCount + 1 })
    this.#run = id
    this.#commitCount = 0
    this.#crashAt = 0
    this.#blowAt = at
    this.#blown = Promise.resolve()
    if (this.#seeded.below(2) === 0) this.#world.broken.add(this.#seeded.pick(['refund', 'recall', 'release']))
    const fails = this.#seeded.below(2) === 0
    await this.#started(id, fails)
    const status = await this.#ended(id)
    await this.#blown
    this.report.ends[status] = (this.report.ends[status] ?? 0) + 1
    await this.#check(id, status)
    this.#world.broken.clear()
    return this.#commitCount >= at
  }

  close(): Promise<void> {
    return this.#workflows.close()
  }

  /** A start whose reply is lost in a crash is repeated with its id. */
  async #started(id: string, fails: boolean): Promise<void> {
    for (;;) {
      try {
        await this.#workflows.start(ACME, { workflow: 'saga', id, input: { fails } })
        return
      } catch (error) {
        if (!this.#isDead) throw error
        await this.#revive()
      }
    }
  }

  /** Waits for the end of a run, as an operator who sees to whatever is stuck. */
  async #ended(id: string): Promise<string> {
    for (;;) {
      if (this.#isDead) await this.#revive()
      const stuck = await this.#onTenant("SELECT id FROM tenax_run WHERE blocked_reason LIKE 'compensation_stuck%'")
      for (const [run] of stuck) await this.#seeTo(String(run))
      const [row] = await this.#onTenant('SELECT status, ended_at_ms IS NOT NULL FROM tenax_run WHERE id = ?', id)
      if (row?.[1] === 1n) return String(row[0])
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Retried while it is broken, it is stuck again; repaired or skipped, it goes on. */
  async #seeTo(run: string): Promise<void> {
    const isRepaired = this.#seeded.below(2) === 0
    if (isRepaired) this.#world.broken.clear()
    try {
      if (isRepaired || this.#seeded.below(4) === 0) {
        await this.#workflows.retry(ACME, run)
        this.report.retriedCount += 1
      } else {
        await this.#workflows.skip(ACME, run)
        this.report.skippedCount += 1
      }
    } catch (error) {
      if (!this.#isDead && !isTenaxError(error, 'run_not_stuck')) throw error
    }
  }

  #host(): Workflows {
    const tenancy = this.#mortal()
    const parts = { tenancy, clock: systemClock, randomId: systemRandomId, onEvent: () => undefined }
    return Workflows.create({ ...parts, workflows: sagaWorkflows(this.#world) })
  }

  /** The tenancy as the engine sees it until it dies: a commit may be made, and nobody hears of it. */
  #mortal(): EngineTenancy {
    const tenancy = this.#tenancy
    let isOver = false
    return {
      setWake: (tenant, wakeAtMs) => tenancy.setWake(tenant, wakeAtMs),
      dueTenants: (nowMs, limit) => tenancy.dueTenants(nowMs, limit),
      use: (tenant, fn) => {
        if (isOver) return Promise.reject(new TenaxError('unavailable', 'the host is dead'))
        return tenancy.use(tenant, (handle) =>
          fn({
            meta: handle.meta,
            read: (body) => handle.read(body),
            gated: (work) => handle.gated(work),
            wayOut: () => handle.wayOut(),
            settled: () => handle.settled(),
            commit: async (body) => {
              if (isOver) throw new TenaxError('unavailable', 'the host is dead')
              const value = await handle.commit(body)
              isOver = this.#committed()
              if (isOver) throw new TenaxError('unavailable', 'the host died here')
              return value
            },
          }),
        )
      },
    }
  }

  /** Deals the blow when its time has come. True when the host dies here. */
  #committed(): boolean {
    this.#commitCount += 1
    if (this.#commitCount === this.#blowAt) {
      const [first, second] = this.#blow.split(' and ')
      if (first !== 'crash') this.#blown = this.#verbs(first === 'pause' ? second : undefined)
      if (this.#blow.endsWith('crash'))
        this.#crashAt = this.#commitCount + (first === 'crash' ? 0 : 1 + this.#seeded.below(6))
    }
    this.#isDead ||= this.#commitCount === this.#crashAt
    return this.#isDead
  }

  /** What an operator does may come too late, or be lost with the host. */
  async #verbs(afterPause: string | undefined): Promise<void> {
    const run = this.#run
    const verb = (name: 'cancel' | 'pause' | 'resume') => this.#workflows[name](ACME, run).catch(() => undefined)
    if (!this.#blow.startsWith('pause')) {
      await verb('cancel')
      return
    }
    await verb('pause')
    for (let turn = this.#seeded.below(40); turn > 0; turn -= 1) await new Promise((resolve) => setImmediate(resolve))
    await verb(afterPause === 'cancel' ? 'cancel' : 'resume')
    await verb('resume')
  }

  async #revive(): Promise<void> {
    await this.#workflows.close()
    await this.#blown
    this.#isDead = false
    this.#workflows = this.#host()
  }

  async #onTenant(sql: string, ...args: string[]) {
    const found = await this.#tenancy
      .use(ACME, (handle) => handle.execute(sql, { positional: args, named: [] }))
      .catch((error: unknown) => {
        // Tables come with the first commit.
        if (isTenaxError(error, 'sql_error')) return { rows: [] }
        throw error
      })
    return found.rows
  }

  async #check(id: string, status: string): Promise<void> {
    const steps = await this.#onTenant(
      'SELECT s.identity, s.kind, s.status FROM tenax_step s JOIN tenax_run r ON r.number = s.run WHERE r.id = ? ORDER BY s.seq',
      id,
    )
    const lists = await this.#onTenant(SKIPPED, id)
    const skipped = new Set(
      lists.flatMap(([json]) => JSON.parse(String(json)) as string[]).map((of) => of.split('#')[0]),
    )
    const say = (what: string) =>
      this.report.faults.push(
        `${this.#blow} behind commit ${id.slice(2)}, ${status}: ${what}; ${JSON.stringify(steps.map(([one]) => one))}`,
      )
    const [child] = await this.#onTenant(
      "SELECT c.status FROM tenax_run c JOIN tenax_run p ON p.number = c.parent_run WHERE p.id = ? AND c.status = 'completed'",
      id,
    )
    // What a child has done stays when it has completed: it is no step, and its parent says no way to undo it.
    const isThere = child !== undefined
    const all = this.#world.left(id)
    if (isThere && !all.includes('dispatch')) say('the child completed and its dispatch is gone')
    const left = isThere && status !== 'completed' ? all.filter((name) => name !== 'dispatch') : all
    const rows = (await this.#onTenant('SELECT amount FROM booked WHERE run = ? ORDER BY rowid', id)).map(([amount]) =>
      Number(amount),
    )
    if (status === 'completed') {
      const seats = left.filter((name) => name.startsWith('seat'))
      const isLoserBroken = seats.length === 2 && seats.some((seat) => skipped.has(seat))
      if (seats.length !== 1 && !isLoserBroken) say(`it holds ${seats.join(', ')}`)
      if (rows.join() !== '1') say(`booked ${rows.join()}`)
      if (left.filter((name) => !name.startsWith('seat')).join() !== 'charge,dispatch') say(`left ${left.join()}`)
    } else {
      if (rows.join() !== '' && rows.join() !== '1,-1') say(`booked ${rows.join()}`)
      const unsaid = left.filter((name) => !skipped.has(name))
      if (unsaid.length > 0) say(`left ${unsaid.join()}`)
    }
    const undone = steps
      .map(([identity]) => /^compensate\[(\w+)/.exec(String(identity))?.[1])
      .filter((name) => name !== undefined)
    const own = ['charge', 'book'].filter((name) => undone.includes(name))
    if (own.length === 2 && undone.indexOf('charge') > undone.indexOf('book'))
      say('undone in another order than in reverse')
    const early = await this.#onTenant(EARLY, id)
    if (early.length > 0) say('its own undoing began before that of its child had ended')
    const open = await this.#onTenant('SELECT id FROM tenax_run WHERE ended_at_ms IS NULL')
    if (open.length > 0) say(`runs that have not ended: ${open.join()}`)
  }
}
