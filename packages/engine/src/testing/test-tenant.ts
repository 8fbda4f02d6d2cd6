/** A tenant in memory with the engine that hosts have: one SQLite file, no ledger, and a clock that the test moves. */
import { isTenaxError, systemClock } from '@tenax/kernel'
import { nodeSqliteDriver, type SqliteFile } from '@tenax/sqlite'
import { type Migration, openInMemory } from '@tenax/tenancy'
import { type Duration, type EventDef, parseDuration, type WorkflowRef } from '@tenax/workflow'
import type { AnyWorkflow, OutputRecord, RunDetail, RunRecord, StepRecord } from '../port.ts'
import { type RunHistory, readHistory } from '../run-history.ts'
import type { ScheduleDetail, ScheduleRecord, ScheduleRequest } from '../schedule/port.ts'
import { bindingsOf, fromSql } from '../tx.ts'
import type { Workflows } from '../workflows.ts'
import { type CrashPoint, EngineLife, type MemoryTenant } from './engine-life.ts'
import { ADVANCE_TIMERS_MAX } from './limits.ts'
import { endOf } from './run-end.ts'
import { SeededIds } from './seeded-ids.ts'
import { type Mock, type StepCall, StepCalls } from './step-calls.ts'
import { VirtualClock } from './virtual-clock.ts'

/** What {@link testTenant} makes a tenant from. */
export interface TestTenantOptions {
  readonly workflows: readonly AnyWorkflow[]
  /** As a host has them, in order of their names. */
  readonly migrations?: readonly Migration[]
  /** SQL that makes the tenant's tables, in place of migrations. */
  readonly sql?: string
  /** The hour at which it begins; 2030-01-01 UTC if unsaid. */
  readonly now?: Date | number
  /** Ids and what `ctx.random` and `ctx.uuid` give derive from it. */
  readonly seed?: string
  /** By name of step, as `mock` sets them. */
  readonly mocks?: Readonly<Record<string, Mock>>
}

/** A run that a test has started, with the type of what it comes to. */
export interface TestRun<O = unknown> {
  readonly id: string
  readonly '~output'?: O
}

/** What {@link TestTenant.rerun} may be told. */
export interface TestRerunOptions {
  /** Identity of the first operation that runs again; unsaid, everything does. */
  readonly from?: string
  readonly input?: unknown
  /** Results that replace those that are kept, by the identities of their operations. */
  readonly results?: Readonly<Record<string, unknown>>
}

/** What {@link TestTenant.schedule} is told: `cron` or `every`, as on a host. */
export interface TestScheduleOptions<I> extends Omit<ScheduleRequest, 'workflow' | 'input' | 'everyMs' | 'spreadMs'> {
  readonly input?: I
  readonly every?: Duration
  readonly spread?: Duration
}

/** Everything that is recorded of a run. */
export interface TestRunRecord extends RunDetail {
  readonly steps: readonly StepRecord[]
  /** What `emit` and `log` left, the first 500. */
  readonly outputs: readonly OutputRecord[]
}

/**
 * A tenant under test. Every method answers when all that can happen without time going on has happened; what cannot be
 * done throws TenaxError as on a host.
 */
export interface TestTenant {
  /** Milliseconds since 1970 UTC, by the tenant's clock. */
  readonly nowMs: number
  /** Every attempt of a step that has begun, in order, mocked or not; those of one name with `name`. */
  calls(name?: string): readonly StepCall[]
  /** Runs `mock` in place of the function of every step of this name, from its next attempt on. */
  mock(name: string, mock: Mock): void
  start<I, O>(
    workflow: WorkflowRef<I, O>,
    input: I,
    options?: { readonly id?: string; readonly idempotencyKey?: string; readonly startAtMs?: number },
  ): Promise<TestRun<O>>
  /** What the run has come to, or the run that it has continued as. Throws RunFailed, or Error when it has not ended. */
  result<O>(run: TestRun<O> | string): Promise<O>
  run(run: TestRun | string): Promise<TestRunRecord>
  send<P>(
    event: EventDef<P>,
    payload: P,
    options?: { readonly key?: string; readonly run?: TestRun | string; readonly id?: string },
  ): Promise<void>
  cancel(run: TestRun | string): Promise<RunRecord>
  terminate(run: TestRun | string): Promise<RunRecord>
  /** The run starts nothing new until it is resumed. */
  pause(run: TestRun | string): Promise<RunRecord>
  resume(run: TestRun | string): Promise<RunRecord>
  /** Tries a run again under its id that has failed, is stuck or blocked. */
  retry(run: TestRun | string): Promise<RunRecord>
  /** Lets a run go on without the compensation that is stuck. */
  skip(run: TestRun | string): Promise<RunRecord>
  /** Runs an ended run again as a new one: from the operation `from` on, or all of it; with another input if `input` is there. */
  rerun<O>(run: TestRun<O> | string, options?: TestRerunOptions): Promise<TestRun<O>>
  /** Makes or changes a schedule of `workflow`; `advance` starts its runs. */
  schedule<I>(id: string, workflow: WorkflowRef<I, unknown>, options: TestScheduleOptions<I>): Promise<ScheduleDetail>
  /** All schedules, by their ids. */
  schedules(): Promise<readonly ScheduleRecord[]>
  /** One statement of the tenant's own SQL. Whole numbers that are exact come as numbers. */
  sql<R = Record<string, unknown>>(text: string, ...args: unknown[]): Promise<R[]>
  /** Moves time on, from one due time to the next; all that follows from one has happened before the next. */
  advance(duration: Duration): Promise<void>
  /** Resolves when nothing is left to do until time moves or somebody asks. */
  settle(): Promise<void>
  /** Throws the engine away as a crash would, and begins another one over the same file. */
  crash(): Promise<void>
  /** As `crash`, and the new engine has other code. */
  deploy(workflows: readonly AnyWorkflow[]): Promise<void>
  /** The run's record as {@link checkReplay} takes it. */
  history(run: TestRun | string): Promise<RunHistory>
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Makes a tenant in memory.
 *
 * @throws TenaxError `unavailable` before Node 24.10, `config_invalid`; Error when the SQL fails
 * @example
 * await using t = await testTenant({ workflows: [greeting] })
 * t.mock('send', () => 'sent')
 * const run = await t.start(greeting, { to: 'ada' })
 * await t.advance('7d')
 * expect(await t.result(run)).toBe('sent')
 */
export async function testTenant(options: TestTenantOptions): Promise<TestTenant> {
  return openTenant(options)
}

/** As {@link testTenant}, with what the rest of the kit needs. */
export async function openTenant(options: TestTenantOptions, crash?: CrashPoint): Promise<TenantInMemory> {
  const { seed = 'tenax', sql, mocks = {}, now = DEFAULT_NOW_MS } = options
  const migrations = options.migrations ?? (sql === undefined ? [] : [{ name: '0001', sql }])
  const handle = await openInMemory({
    ...{ tenant: 'test', driver: nodeSqliteDriver, clock: systemClock, migrations },
    randomId: new SeededIds(`${seed}/file`).draw,
  })
  const calls = new StepCalls()
  for (const [name, mock] of Object.entries(mocks)) calls.mocks.set(name, mock)
  return new TenantInMemory({
    ...{ handle, calls, workflows: options.workflows, ids: new SeededIds(seed) },
    clock: new VirtualClock(typeof now === 'number' ? now : now.getTime()),
    ...{ wakeAtMs: undefined, commitCount: 0, crash },
  })
}

const DEFAULT_NOW_MS = Date.UTC(2030, 0, 1)

/** See {@link TestTenant}. */
export class TenantInMemory implements TestTenant {
  readonly tenant: MemoryTenant
  #life: EngineLife
  #namedCount = 0

  constructor(tenant: MemoryTenant) {
    this.tenant = tenant
    this.#life = new EngineLife(tenant)
  }

  get nowMs(): number {
    return this.tenant.clock.nowMs
  }

  calls(name?: string): readonly StepCall[] {
    const { all } = this.tenant.calls
    return name === undefined ? [...all] : all.filter(({ step }) => step === name)
  }

  mock(name: string, mock: Mock): void {
    this.tenant.calls.mocks.set(name, mock)
  }

  async start<I, O>(
    workflow: WorkflowRef<I, O>,
    input: I,
    options: { readonly id?: string; readonly idempotencyKey?: string; readonly startAtMs?: number } = {},
  ): Promise<TestRun<O>> {
    // Named here, so that it can be asked again behind a crash.
    const name = this.#name('run')
    const id = options.idempotencyKey === undefined ? { id: name } : {}
    const request = { ...id, ...options, workflow: workflow.name, input }
    const { run } = await this.#ask((workflows) =>
      this.tenant.ids.within(name, () => workflows.start(this.#id, request)),
    )
    return { id: run.id }
  }

  async result<O>(run: TestRun<O> | string): Promise<O> {
    return (await endOf(this, idOf(run))) as O
  }

  run(run: TestRun | string): Promise<TestRunRecord> {
    const id = idOf(run)
    return this.#ask(async (workflows) => ({
      ...(await workflows.get(this.#id, id)),
      steps: await workflows.steps(this.#id, id),
      outputs: await workflows.outputs(this.#id, id),
    }))
  }

  async send<P>(
    event: EventDef<P>,
    payload: P,
    options: { readonly key?: string; readonly run?: TestRun | string; readonly id?: string } = {},
  ): Promise<void> {
    const { run, id = this.#name('event'), ...rest } = options
    const request = { ...rest, name: event.name, payload, id, ...(run === undefined ? {} : { run: idOf(run) }) }
    await this.#ask((workflows) => workflows.send(this.#id, request))
  }

  cancel(run: TestRun | string): Promise<RunRecord> {
    return this.#once('cancel', idOf(run), 'run_ended')
  }

  terminate(run: TestRun | string): Promise<RunRecord> {
    return this.#once('terminate', idOf(run), 'run_ended')
  }

  pause(run: TestRun | string): Promise<RunRecord> {
    return this.#once('pause', idOf(run), 'run_ended')
  }

  resume(run: TestRun | string): Promise<RunRecord> {
    return this.#once('resume', idOf(run), 'run_ended')
  }

  retry(run: TestRun | string): Promise<RunRecord> {
    return this.#once('retry', idOf(run), 'run_not_retryable')
  }

  skip(run: TestRun | string): Promise<RunRecord> {
    return this.#once('skip', idOf(run), 'run_not_stuck')
  }

  async rerun<O>(run: TestRun<O> | string, options: TestRerunOptions = {}): Promise<TestRun<O>> {
    const name = this.#name('run')
    const request = { ...options, id: name, hasInput: 'input' in options }
    const started = await this.#ask(({ reruns }) =>
      this.tenant.ids.within(name, () => reruns.start(this.#id, idOf(run), request)),
    )
    return { id: started.run.id }
  }

  async schedule<I>(
    id: string,
    { name: workflow }: WorkflowRef<I, unknown>,
    { every, spread, ...said }: TestScheduleOptions<I>,
  ): Promise<ScheduleDetail> {
    const everyMs = every === undefined ? {} : { everyMs: parseDuration(every) }
    const spreadMs = spread === undefined ? {} : { spreadMs: parseDuration(spread) }
    const request = { ...said, workflow, ...everyMs, ...spreadMs }
    return (await this.#ask(({ schedules }) => schedules.put(this.#id, id, request))).schedule
  }

  schedules(): Promise<readonly ScheduleRecord[]> {
    return this.#ask(({ schedules }) => schedules.list(this.#id))
  }

  async sql<R = Record<string, unknown>>(text: string, ...args: unknown[]): Promise<R[]> {
    await this.settle()
    const { columns, rows } = await this.tenant.handle.execute(text, bindingsOf(args))
    const names = columns.map(({ name }) => name)
    return rows.map((row) => Object.fromEntries(names.map((name, at) => [name, fromSql(row[at] ?? null)]))) as R[]
  }

  async advance(duration: Duration): Promise<void> {
    const { clock } = this.tenant
    const untilMs = clock.nowMs + parseDuration(duration)
    await this.settle()
    for (let count = 0; clock.runNext(untilMs); count += 1) {
      if (count >= ADVANCE_TIMERS_MAX)
        throw new Error(`${ADVANCE_TIMERS_MAX} timers were due: one is due again and again`)
      await this.settle()
    }
    clock.moveTo(untilMs)
  }

  async settle(): Promise<void> {
    for (let count = 0; ; count += 1) {
      if (count >= ADVANCE_TIMERS_MAX) throw new Error(`something is due again and again at ${this.nowMs}`)
      const life = this.#now
      await life.activity.rest()
      if (life.failure !== undefined) throw life.failure
      if (this.#now === life && !this.tenant.clock.runNext(this.nowMs)) return
    }
  }

  crash(): Promise<void> {
    return this.deploy(this.tenant.workflows)
  }

  async deploy(workflows: readonly AnyWorkflow[]): Promise<void> {
    this.#life.end()
    // Somebody looks whether blocked runs can go on, which a host would do within a minute.
    if (workflows !== this.tenant.workflows) this.tenant.wakeAtMs = 0
    this.tenant.workflows = workflows
    await this.settle()
  }

  async history(run: TestRun | string): Promise<RunHistory> {
    await this.settle()
    return this.read((file) => readHistory(file, { tenant: this.#id, run: idOf(run) }))
  }

  /** Looks into the file. */
  read<T>(body: (file: SqliteFile) => T): Promise<T> {
    return this.tenant.handle.read(body)
  }

  async close(): Promise<void> {
    this.#life.end()
    await this.tenant.handle.close('drain')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  get #id() {
    return this.tenant.handle.record.id
  }

  /** The engine that lives now: behind a crash, another one. */
  get #now(): EngineLife {
    if (this.#life.isOver) this.#life = new EngineLife(this.tenant)
    return this.#life
  }

  #name(what: string): string {
    this.#namedCount += 1
    return `${what}-${this.#namedCount}`
  }

  /** What a verb had done before a crash it is not asked for again: `doneCode` says then that there is nothing to do. */
  #once(verb: Verb, run: string, doneCode: 'run_ended' | 'run_not_retryable' | 'run_not_stuck'): Promise<RunRecord> {
    let isAgain = false
    return this.#ask(async (workflows) => {
      try {
        return await workflows[verb](this.#id, run)
      } catch (error) {
        if (!isAgain || !isTenaxError(error, doneCode)) throw error
        return workflows.get(this.#id, run)
      } finally {
        isAgain = true
      }
    })
  }

  /** Asks the engine, and again when it crashed meanwhile, and lets it come to rest. */
  async #ask<T>(work: (workflows: Workflows) => Promise<T>): Promise<T> {
    for (;;) {
      const life = this.#now
      const lost = life.over.then((): never => {
        throw new Error('the engine has crashed')
      })
      try {
        return await Promise.race([life.activity.during('a call', () => work(life.workflows)), lost])
      } catch (error) {
        if (!life.isOver) throw error
      } finally {
        await this.settle()
      }
    }
  }
}

type Verb = 'cancel' | 'terminate' | 'pause' | 'resume' | 'retry' | 'skip'

function idOf(run: TestRun | string): string {
  return typeof run === 'string' ? run : run.id
}
