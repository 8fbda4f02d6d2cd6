/** Durable workflows of all tenants of one host: what HTTP, the CLI and an embedder use. */
import { type TenantId, TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { newRun } from './child-plan.ts'
import { eventPayloadOf } from './event-payload.ts'
import { FairShare } from './fair-share.ts'
import { Histories } from './histories.ts'
import { EFFECTS_IN_FLIGHT_MAX, PAGE_COUNT_MAX, RELEASE_COUNT_MAX, RESULT_MS_MAX } from './limits.ts'
import { type OutputFeed, openFeed } from './output-feed.ts'
import { OutputFeeds } from './output-feeds.ts'
import { type EngineParts, TenantReplaced } from './parts.ts'
import { Places } from './places.ts'
import type {
  Definitions,
  OutputRecord,
  RunDetail,
  RunPage,
  RunQuery,
  RunRecord,
  SendRequest,
  Sent,
  Started,
  StartRequest,
  StepRecord,
  WorkflowsOptions,
} from './port.ts'
import { Registry } from './registry.ts'
import { checkSend, checkStart, cursorOf, readQuery } from './requests.ts'
import { type RerunAccess, Reruns } from './reruns.ts'
import { ResultWaiters } from './result-waiters.ts'
import { Schedules } from './schedule/schedules.ts'
import { Scheduler } from './scheduler.ts'
import { PLAIN_SEAMS } from './seams.ts'
import type { Effects } from './store/announcement.ts'
import { endRun, requestCancel } from './store/endings.ts'
import { receiveEvent } from './store/events.ts'
import { pauseRun, resumeRun } from './store/pauses.ts'
import { readDetail, readOutputs, readPage, readRecord, readStepRecords } from './store/records.ts'
import { hasPutAside, releaseRuns } from './store/release.ts'
import { retryRun, skipCompensation } from './store/retries.ts'
import { type FoundRun, findRun, hasTables, requireRun, runEnded, runNotFound } from './store/runs.ts'
import { unconfined } from './stray.ts'
import type { TenantRunner } from './tenant-runner.ts'
import { Tenure, tenureParts } from './tenure.ts'

/** What a verb does to a run inside its commit. */
type RunChange = (found: FoundRun, file: SqliteFile, effects: Effects) => void

/** The engine of one host. Every answer waits behind the tenant's gate (LEDGER G1). */
export class Workflows {
  /** Runs that start by the clock. */
  readonly schedules: Schedules
  /** Ended runs that are run again. */
  readonly reruns: Reruns
  /** Records of runs, replayed against code. */
  readonly histories: Histories
  readonly #parts: EngineParts
  readonly #registry: Registry
  readonly #scheduler: Scheduler
  /** The way of a tenant's runs to another process, and back (WORKFLOWS 28). */
  readonly tenure: Tenure
  readonly #waiters = new ResultWaiters()
  #isClosing = false

  private constructor({ workflows, events, ...options }: WorkflowsOptions) {
    const { tenancy, clock, randomId, onEvent, seams = PLAIN_SEAMS, checksReplay = false } = options
    this.#registry = new Registry(workflows, events)
    this.#parts = {
      ...{ tenancy, clock, randomId, onEvent, seams, checksReplay, registry: this.#registry },
      share: new FairShare({ clock, macrotask: seams.macrotask }),
      places: new Places(EFFECTS_IN_FLIGHT_MAX),
      ...tenureParts(options, this.#registry),
      feeds: new OutputFeeds(),
      isClosing: () => this.#isClosing,
      runEnded: (tenant, run, leave) => this.#ended(tenant, run, leave),
      plan: (tenant, atMs) => this.#scheduler.plan(tenant, atMs),
    }
    this.#scheduler = new Scheduler(this.#parts)
    this.tenure = new Tenure(this.#scheduler, this.#registry)
    const access: RerunAccess = {
      read: (tenant, body) => this.#read(tenant, body),
      commit: (tenant, body) => this.#commit(tenant, body),
    }
    this.schedules = new Schedules(this.#parts, access)
    this.reruns = new Reruns(this.#parts, access)
    this.histories = new Histories(this.#parts, access.read)
  }

  /** Begins to run what is due. Throws TenaxError `config_invalid` when two workflows have one name. */
  static create(options: WorkflowsOptions): Workflows {
    const workflows = new Workflows(options)
    workflows.#scheduler.look()
    return workflows
  }

  /** Names of the workflows that are loaded, in order. */
  names(): readonly string[] {
    return this.#registry.names()
  }

  /**
   * Takes these definitions in place of all that were loaded. Runs in memory are thrown away and begin again from their record
   * with the new code, as behind a crash: their steps in flight are aborted. Blocked ones are tried again.
   *
   * @throws TenaxError `config_invalid` when two have one name; then nothing has changed
   */
  reload(definitions: Definitions): void {
    this.#registry.replace(definitions, `${this.#parts.randomId()}\n`)
    this.#scheduler.reload()
  }

  /** How many tenants have work in memory, or had a moment ago. */
  get awakeCount(): number {
    return this.#scheduler.awakeCount
  }

  /**
   * Accepts a run: once this answers, it completes, whatever happens.
   *
   * @throws TenaxError `workflow_unknown`, `input_invalid` (`details.issues`), `payload_too_large`, `idempotency_key_reused`,
   * `run_id_reused`, `singleton_conflict` (`details.run`), `limit_key_invalid`, `argument_invalid`; and what the tenant's state brings
   */
  async start(tenant: TenantId, request: StartRequest): Promise<Started> {
    checkStart(request)
    this.#refuseClosing()
    const workflow = this.#registry.require(request.workflow)
    const { id, priority, startAtMs, idempotencyKey, input } = request
    await this.#parts.share.enter(tenant, 'start')
    const run = await newRun(this.#parts, { workflow, id, priority, startAtMs, idempotencyKey }, input)
    const started = await this.#onRunner(tenant, (runner) => runner.start(run, workflow))
    const { known, isNew, accepted, leave } = started
    await leave()
    if (accepted !== undefined) return { run: accepted, isNew }
    if (known.type === 'kept') return { run: known.record, isNew }
    return { run: await this.#read(tenant, (file) => required(readRecord(file, known.number), run.id)), isNew }
  }

  /** @throws TenaxError `run_not_found` */
  get(tenant: TenantId, run: string): Promise<RunDetail> {
    return this.#read(tenant, (file) => required(hasTables(file) ? readDetail(file, run) : undefined, run))
  }

  /** @throws TenaxError `cursor_invalid`, `argument_invalid` */
  async list(tenant: TenantId, query: RunQuery = {}): Promise<RunPage> {
    const at = readQuery(query)
    return this.#read(tenant, (file) => {
      if (!hasTables(file)) return { runs: [], cursor: undefined }
      const { runs, lastNumber } = readPage(file, query, at)
      return { runs, cursor: cursorOf(lastNumber) }
    })
  }

  /** Operations of a run in order of `seq`, the last 1,000. Throws TenaxError `run_not_found`. */
  steps(tenant: TenantId, run: string): Promise<readonly StepRecord[]> {
    return this.#read(tenant, (file) => readStepRecords(file, requireRun(file, run).number))
  }

  /** What a run has put out after `afterSeq`, a bounded page. Throws TenaxError `run_not_found`. */
  outputs(
    tenant: TenantId,
    run: string,
    { afterSeq = 0, limit = PAGE_COUNT_MAX }: { readonly afterSeq?: number; readonly limit?: number } = {},
  ): Promise<readonly OutputRecord[]> {
    const at = { afterSeq, uptoSeq: Number.MAX_SAFE_INTEGER, limit: Math.min(limit, PAGE_COUNT_MAX) }
    return this.#read(tenant, (file) => readOutputs(file, requireRun(file, run).number, at))
  }

  /**
   * What a run puts out after `afterSeq`, and what its steps show meanwhile, until it has ended. With `hasChanges` it also
   * says when something of the run has changed. Pushed: nothing polls.
   *
   * @throws TenaxError `run_not_found`, `overloaded`; while it is read `reader_too_slow`, `tenant_in_transition`, `unavailable`
   */
  follow(
    tenant: TenantId,
    run: string,
    { afterSeq = 0, hasChanges = false }: { readonly afterSeq?: number; readonly hasChanges?: boolean } = {},
  ): Promise<OutputFeed> {
    this.#refuseClosing()
    return openFeed(this.#parts, { tenant, run, afterSeq, hasChanges })
  }

  /**
   * The run once it has ended (`endedAtMs` is set), or as it is after `timeoutMs`, at most 5 minutes. Pushed: nothing polls.
   *
   * @throws TenaxError `run_not_found`
   */
  result(tenant: TenantId, run: string, { timeoutMs }: { readonly timeoutMs: number }): Promise<RunDetail> {
    const { clock } = this.#parts
    const waitMs = Math.min(timeoutMs, RESULT_MS_MAX)
    return this.#waiters.wait(tenant, run, { clock, timeoutMs: waitMs, read: (body) => this.#read(tenant, body) })
  }

  /**
   * Tries a run again under its own id: one that has failed, from the operation whose failure ended it (WORKFLOWS 23); one whose
   * compensation is stuck (WORKFLOWS 21); one that is blocked, with the code that is loaded (WORKFLOWS 24). A run that goes on
   * already stays as it is, so it is safe to repeat.
   *
   * @throws TenaxError `run_not_found`, `run_not_retryable`, `already_compensated`, `parent_informed`, `run_held`
   */
  retry(tenant: TenantId, run: string): Promise<RunRecord> {
    return this.#changeAny(tenant, run, (found, file, effects) => retryRun(file, found, effects))
  }

  /**
   * Lets a run go on without the compensation that is stuck (WORKFLOWS 21); with `step`, only if it is that operation's, which
   * makes it safe to repeat.
   *
   * @throws TenaxError `run_not_found`, `run_ended`, `run_not_stuck`
   */
  skip(tenant: TenantId, run: string, { step }: { readonly step?: string | undefined } = {}): Promise<RunRecord> {
    return this.#change(tenant, run, (found, file, effects) => skipCompensation(file, found, { step, effects }))
  }

  /** Asks a run to end through its own clean-up. Safe to repeat. Throws TenaxError `run_not_found`, `run_ended`. */
  cancel(tenant: TenantId, run: string): Promise<RunRecord> {
    return this.#change(tenant, run, ({ number }, file, effects) => requestCancel(file, number, effects))
  }

  /**
   * Pauses a run (WORKFLOWS 19): what is in flight is recorded, nothing new starts, events are kept for it, and its timers fire
   * when it is resumed. Safe to repeat.
   *
   * @throws TenaxError `run_not_found`, `run_ended`, `run_cancelling`
   */
  pause(tenant: TenantId, run: string): Promise<RunRecord> {
    return this.#change(tenant, run, (found, file, effects) => pauseRun(file, found, effects))
  }

  /** Lets a paused run go on. Safe to repeat. Throws TenaxError `run_not_found`, `run_ended`. */
  resume(tenant: TenantId, run: string): Promise<RunRecord> {
    return this.#change(tenant, run, (found, file, effects) => resumeRun(file, found, effects))
  }

  /** Ends a run where it stands, without compensating. Throws TenaxError `run_not_found`, `run_ended`. */
  terminate(tenant: TenantId, run: string): Promise<RunRecord> {
    return this.#change(tenant, run, ({ number }, file, effects) => {
      endRun(file, number, { status: 'terminated' }, effects)
    })
  }

  /**
   * Gives an event to the tenant. Safe to repeat with the same `id`.
   *
   * @throws TenaxError `run_not_found`, `run_ended` (of `run`), `input_invalid` (`details.issues`), `payload_too_large`, `argument_invalid`
   */
  async send(tenant: TenantId, request: SendRequest): Promise<Sent> {
    checkSend(request)
    this.#refuseClosing()
    const { name, key, run, payload, id = this.#parts.randomId() } = request
    await this.#parts.share.enter(tenant, 'start')
    const payloadJson = await eventPayloadOf(this.#registry, name, payload)
    const event = { id, name, key, run, payloadJson, isBroadcast: false }
    const { value, leave } = await this.#onRunner(tenant, (runner) =>
      runner.submit((file, effects) => receiveEvent(file, event, effects), { takesFaults: true }),
    )
    await leave()
    return { id, ...value }
  }

  /**
   * Lets every run and schedule of the tenant go on that was put aside: those that an import holds (WORKFLOWS 25), and blocked
   * runs, which are tried again. Gives how many. Safe to repeat.
   */
  async release(tenant: TenantId): Promise<number> {
    this.#refuseClosing()
    if (!(await this.#read(tenant, hasPutAside))) return 0
    let count = await this.schedules.release(tenant)
    for (let afterNumber = 0; ; ) {
      const at = { afterNumber, limit: RELEASE_COUNT_MAX }
      const { value: numbers, leave } = await this.#onRunner(tenant, (runner) =>
        runner.submit((file, { nowMs, times }) => {
          times.push(nowMs) // deadlines that were held count again
          return releaseRuns(file, { ...at, nowMs })
        }),
      )
      count += numbers.length
      await leave()
      if (numbers.length < RELEASE_COUNT_MAX) return count
      // Forward only: one that blocks again meanwhile is not tried for ever.
      afterNumber = Math.max(...numbers)
    }
  }

  /**
   * Hears that a verb on a tenant has ended, or that it was stopped. One that serves is looked at now; who waits for runs of
   * one that does not, or that is another now, or follows them, is answered.
   */
  tenantChanged(tenant: TenantId): void {
    if (this.#isClosing) return
    this.#scheduler.ask()
    this.#parts.feeds.tenantChanged(tenant)
    this.#waiters.tenantChanged(tenant)
  }

  /** Starts no further effect, lets commits end, and forgets. Runs go on at the next start. Safe to repeat. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#parts.feeds.failAll(shuttingDown())
    await this.#scheduler.close()
    this.#waiters.end()
  }

  /** A runner that finds that its tenant was replaced goes, and nothing of what it was asked has happened. */
  async #onRunner<T>(tenant: TenantId, work: (runner: TenantRunner) => Promise<T>): Promise<T> {
    const ask = () => {
      this.#refuseClosing() // it may have begun while this waited for its turn
      return unconfined(() => work(this.#scheduler.runner(tenant)))
    }
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof TenantReplaced)) throw error
      return ask()
    }
  }

  /** A commit behind the gate. */
  async #commit<T>(tenant: TenantId, body: (file: SqliteFile, effects: Effects) => T): Promise<T> {
    this.#refuseClosing()
    const { value, leave } = await this.#onRunner(tenant, (runner) => runner.submit(body, { takesFaults: true }))
    await leave()
    return value
  }

  /** A read behind the gate. */
  #read<T>(tenant: TenantId, body: (file: SqliteFile) => T): Promise<T> {
    return this.#parts.tenancy.use(tenant, (handle) => handle.gated(handle.read(body)))
  }

  #change(tenant: TenantId, run: string, change: RunChange): Promise<RunRecord> {
    return this.#changeAny(tenant, run, (found, file, effects) => {
      if (found.hasEnded) throw runEnded(run)
      change(found, file, effects)
    })
  }

  async #changeAny(tenant: TenantId, run: string, change: RunChange): Promise<RunRecord> {
    this.#refuseClosing()
    const { value, leave } = await this.#onRunner(tenant, (runner) =>
      runner.submit((file, effects) => {
        const found = findRun(file, run)
        if (found === undefined) throw runNotFound(run)
        change(found, file, effects)
        return required(readRecord(file, found.number), run)
      }),
    )
    await leave()
    return value
  }

  #ended(tenant: TenantId, number: number, leave: () => Promise<void>): void {
    this.#parts.feeds.ended(tenant, number)
    this.#waiters.ended(tenant, number, leave)
  }

  #refuseClosing(): void {
    if (this.#isClosing) throw shuttingDown()
  }
}

function shuttingDown(): TenaxError {
  return new TenaxError('unavailable', 'the host is shutting down')
}

function required<T>(found: T | undefined, run: string): T {
  if (found === undefined) throw runNotFound(run)
  return found
}
