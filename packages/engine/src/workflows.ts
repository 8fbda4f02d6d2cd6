/** Durable workflows of all tenants of one host: what HTTP, the CLI and an embedder use. */
import { type TenantId, TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import { newRun } from './child-plan.ts'
import { EFFECTS_IN_FLIGHT_MAX, PAGE_COUNT_MAX, RELEASE_COUNT_MAX, RESULT_MS_MAX } from './limits.ts'
import { type EngineParts, TenantReplaced } from './parts.ts'
import { Places } from './places.ts'
import type {
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
import { Scheduler } from './scheduler.ts'
import type { Effects } from './store/announcement.ts'
import { endRun, requestCancel } from './store/endings.ts'
import { receiveEvent } from './store/events.ts'
import { readDetail, readOutputs, readPage, readRecord, readStepRecords } from './store/records.ts'
import { hasPutAside, releaseRuns } from './store/release.ts'
import { findRun, hasTables, requireRun, runEnded, runNotFound } from './store/runs.ts'
import { payloadOf } from './stored-error.ts'
import { unconfined } from './stray.ts'
import type { TenantRunner } from './tenant-runner.ts'

/** The engine of one host. Every answer waits behind the tenant's gate (LEDGER G1). */
export class Workflows {
  readonly #parts: EngineParts
  readonly #registry: Registry
  readonly #scheduler: Scheduler
  /** Who waits for a run's end, by tenant and number. */
  readonly #waiters = new Map<string, Set<() => void>>()
  #isClosing = false

  private constructor({ tenancy, clock, randomId, workflows, onEvent }: WorkflowsOptions) {
    this.#registry = new Registry(workflows)
    this.#parts = {
      ...{ tenancy, clock, randomId, onEvent, registry: this.#registry, places: new Places(EFFECTS_IN_FLIGHT_MAX) },
      isClosing: () => this.#isClosing,
      runEnded: (tenant, run, leave) => this.#ended(tenant, run, leave),
      plan: (atMs) => this.#scheduler.plan(atMs),
    }
    this.#scheduler = new Scheduler(this.#parts)
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

  /** How many tenants have work in memory, or had a moment ago. */
  get awakeCount(): number {
    return this.#scheduler.awakeCount
  }

  /**
   * Accepts a run: once this answers, it completes, whatever happens.
   *
   * @throws TenaxError `workflow_unknown`, `input_invalid` (`details.issues`), `payload_too_large`, `idempotency_key_reused`,
   * `run_id_reused`, `argument_invalid`; and what the tenant's state brings
   */
  async start(tenant: TenantId, request: StartRequest): Promise<Started> {
    checkStart(request)
    this.#refuseClosing()
    const workflow = this.#registry.require(request.workflow)
    const { id, priority, startAtMs, idempotencyKey, input } = request
    const run = await newRun(this.#parts, { workflow, id, priority, startAtMs, idempotencyKey }, input)
    const { number, isNew, leave } = await this.#onRunner(tenant, (runner) => runner.start(run, workflow))
    await leave()
    return { run: await this.#read(tenant, (file) => required(readRecord(file, number), run.id)), isNew }
  }

  /** @throws TenaxError `run_not_found` */
  get(tenant: TenantId, run: string): Promise<RunDetail> {
    return this.#read(tenant, (file) => required(readDetail(file, requireRun(file, run).number), run))
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
    { afterSeq = 0 }: { readonly afterSeq?: number } = {},
  ): Promise<readonly OutputRecord[]> {
    const at = { afterSeq, limit: PAGE_COUNT_MAX }
    return this.#read(tenant, (file) => readOutputs(file, requireRun(file, run).number, at))
  }

  /**
   * The run once it has ended (`endedAtMs` is set), or as it is after `timeoutMs`, at most 5 minutes. Pushed: nothing polls.
   *
   * @throws TenaxError `run_not_found`
   */
  async result(tenant: TenantId, run: string, { timeoutMs }: { readonly timeoutMs: number }): Promise<RunDetail> {
    let stop: (() => void) | undefined
    const ended = Promise.withResolvers<void>()
    try {
      const detail = await this.#read(tenant, (file) => {
        const { number, hasEnded } = requireRun(file, run)
        // In the same turn as the look, so that its end cannot be missed.
        if (!hasEnded) stop = this.#wait(tenant, number, ended.resolve)
        return required(readDetail(file, number), run)
      })
      if (stop === undefined) return detail
      const timer = this.#parts.clock.after(Math.min(timeoutMs, RESULT_MS_MAX), ended.resolve)
      await ended.promise
      timer.cancel()
      return await this.get(tenant, run)
    } finally {
      stop?.()
    }
  }

  /** Asks a run to end through its own clean-up. Safe to repeat. Throws TenaxError `run_not_found`, `run_ended`. */
  cancel(tenant: TenantId, run: string): Promise<RunRecord> {
    return this.#change(tenant, run, requestCancel)
  }

  /** Ends a run where it stands, without compensating. Throws TenaxError `run_not_found`, `run_ended`. */
  terminate(tenant: TenantId, run: string): Promise<RunRecord> {
    return this.#change(tenant, run, (file, number, effects) => {
      endRun(file, number, { status: 'terminated' }, effects)
    })
  }

  /**
   * Gives an event to the tenant. Safe to repeat with the same `id`.
   *
   * @throws TenaxError `run_not_found`, `run_ended` (of `run`), `payload_too_large`, `argument_invalid`
   */
  async send(tenant: TenantId, request: SendRequest): Promise<Sent> {
    checkSend(request)
    this.#refuseClosing()
    const { name, key, run, payload, id = this.#parts.randomId() } = request
    const payloadJson = payloadOf(payload, 'payload')
    const event = { id, name, key, run, payloadJson, isBroadcast: false }
    const { value, leave } = await this.#onRunner(tenant, (runner) =>
      runner.submit((file, effects) => receiveEvent(file, event, effects)),
    )
    await leave()
    return { id, ...value }
  }

  /**
   * Lets every run of the tenant go on that was put aside: those that an import holds (WORKFLOWS 25), and blocked ones, which
   * are tried again. Gives how many. Safe to repeat.
   */
  async release(tenant: TenantId): Promise<number> {
    this.#refuseClosing()
    if (!(await this.#read(tenant, hasPutAside))) return 0
    let count = 0
    for (let afterNumber = 0; ; ) {
      const at = { afterNumber, limit: RELEASE_COUNT_MAX }
      const { value: numbers, leave } = await this.#onRunner(tenant, (runner) =>
        runner.submit((file, { nowMs }) => releaseRuns(file, { ...at, nowMs })),
      )
      count += numbers.length
      await leave()
      if (numbers.length < RELEASE_COUNT_MAX) return count
      // Forward only: one that blocks again meanwhile is not tried for ever.
      afterNumber = Math.max(...numbers)
    }
  }

  /** Starts no further effect, lets commits end, and forgets. Runs go on at the next start. Safe to repeat. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.#scheduler.close()
    for (const waiters of this.#waiters.values()) for (const wake of waiters) wake()
    this.#waiters.clear()
  }

  /** A runner that finds that its tenant was replaced goes, and nothing of what it was asked has happened. */
  async #onRunner<T>(tenant: TenantId, work: (runner: TenantRunner) => Promise<T>): Promise<T> {
    const ask = () => unconfined(() => work(this.#scheduler.runner(tenant)))
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof TenantReplaced)) throw error
      return ask()
    }
  }

  /** A read behind the gate. */
  #read<T>(tenant: TenantId, body: (file: SqliteFile) => T): Promise<T> {
    return this.#parts.tenancy.use(tenant, (handle) => handle.gated(handle.read(body)))
  }

  async #change(
    tenant: TenantId,
    run: string,
    change: (file: SqliteFile, number: number, effects: Effects) => void,
  ): Promise<RunRecord> {
    this.#refuseClosing()
    const { value, leave } = await this.#onRunner(tenant, (runner) =>
      runner.submit((file, effects) => {
        const found = findRun(file, run)
        if (found === undefined) throw runNotFound(run)
        if (found.hasEnded) throw runEnded(run)
        change(file, found.number, effects)
        return required(readRecord(file, found.number), run)
      }),
    )
    await leave()
    return value
  }

  #wait(tenant: TenantId, number: number, wake: () => void): () => void {
    const key = `${tenant}/${number}`
    const waiters = this.#waiters.get(key) ?? new Set()
    this.#waiters.set(key, waiters.add(wake))
    return () => {
      waiters.delete(wake)
      if (waiters.size === 0 && this.#waiters.get(key) === waiters) this.#waiters.delete(key)
    }
  }

  #ended(tenant: TenantId, number: number, leave: () => Promise<void>): void {
    const waiters = this.#waiters.get(`${tenant}/${number}`)
    if (waiters === undefined) return
    // Who waits reads behind the gate itself; a gate that fails is theirs to hear.
    leave().then(
      () => wakeAll(waiters),
      () => wakeAll(waiters),
    )
  }

  #refuseClosing(): void {
    if (this.#isClosing) throw new TenaxError('unavailable', 'the host is shutting down')
  }
}

function wakeAll(waiters: Set<() => void>): void {
  for (const wake of [...waiters]) wake()
}

function required<T>(found: T | undefined, run: string): T {
  if (found === undefined) throw runNotFound(run)
  return found
}
