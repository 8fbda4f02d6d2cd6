/**
 * One run in memory, from its claim to its end, or until everything that it waits for is a time, an event or a child: then
 * it leaves memory, and its record brings it back.
 *
 * Invariants:
 *  1. One turn at a time: deliver, commit, perform. What arrives meanwhile waits in the inbox (WORKFLOWS 2, 3).
 *  2. An attempt begins only when the commit that asked for it is durable (WORKFLOWS 9).
 *  3. Behind `discard()` nothing of it is recorded. Whoever discards it sees that the run is claimed again.
 */
import { type TenantId, TenaxError } from '@tenax/kernel'
import { Execution, type History, type Outcome, type Turn } from '@tenax/workflow/core'
import { prepareTurn } from './child-plan.ts'
import { foreignWait, macrotask } from './foreign-wait.ts'
import { FOREIGN_FIRST_MS, FOREIGN_LOOK_MS_MAX, FOREIGN_MS_MAX } from './limits.ts'
import { OpenOperations } from './open-operations.ts'
import type { EngineParts, Recorder } from './parts.ts'
import type { AnyWorkflow } from './port.ts'
import { shortHash } from './registry.ts'
import { StepAttempts } from './step-attempts.ts'
import type { Announcement } from './store/announcement.ts'
import type { NewRun, Outlook, RunRow } from './store/runs.ts'
import { type RecordedSteps, settle } from './store/steps.ts'
import { type Delivered, recordTurn, StaleRun, type TurnInput, type TurnRecord } from './store/turn-record.ts'
import { failed } from './stored-error.ts'
import { confine } from './stray.ts'
import { TransactionEnded } from './tx.ts'

/** Where a life begins: a run that is accepted with its first turn, or one from the record. */
export type Beginning =
  | { readonly type: 'new'; readonly run: NewRun }
  | { readonly type: 'recorded'; readonly row: RunRow; readonly steps: RecordedSteps }

/** What a life is made of. */
export interface RunLifeOptions {
  readonly parts: EngineParts
  readonly tenant: TenantId
  readonly recorder: Recorder
  readonly workflow: AnyWorkflow
  readonly beginning: Beginning
}

/** Why a life is over: its run ended or was put aside, it waits outside memory, or it is to be claimed anew. */
export type LifeEnd = 'ended' | 'parked' | 'stale' | 'discarded'

interface Inbound {
  readonly seq: number
  readonly outcome: Outcome
  readonly isArrived: boolean
  readonly attempts: number
}

/** A run in memory. */
export class RunLife {
  readonly id: string
  /** Told the run's number when its first commit gave it one. */
  onNumber: (number: number) => void = () => undefined
  readonly #options: RunLifeOptions
  readonly #execution: Execution
  readonly #open = new OpenOperations()
  readonly #attempts: StepAttempts
  readonly #verdicts = new Map<number, Outcome>()
  readonly #startedAtMs: number
  readonly #first = Promise.withResolvers<{ record: TurnRecord; leave: () => Promise<void> }>()
  #number: number | undefined
  #inbox: Inbound[] = []
  /** Placed by the last commit, not yet delivered. */
  #settled: Extract<TurnRecord, { type: 'recorded' }>['settled'] = []
  #completionCount: number
  #outputCount: number
  #lastAtMs: number
  #isCompensating = false
  #isStalled = false
  /** True while the body is ahead of the record: what memory says then is not how the run stands. */
  #isTurning = true
  #stalledSinceMs: number | undefined
  #isCancelAsked: boolean
  #isCancelApplied: boolean
  #outlook: Outlook | undefined
  #isOver = false
  #hasStray = false
  #poke: () => void = () => undefined

  constructor(options: RunLifeOptions) {
    this.#options = options
    const { parts, beginning, tenant, workflow } = options
    const nowMs = parts.clock.nowMs()
    const row = beginning.type === 'recorded' ? beginning.row : undefined
    const run = beginning.type === 'new' ? beginning.run : beginning.row
    this.id = run.id
    this.#number = row?.number
    this.#startedAtMs = row?.startedAtMs ?? nowMs
    this.#completionCount = row?.completionCount ?? 0
    this.#outputCount = row?.outputCount ?? 0
    this.#lastAtMs = Math.max(this.#startedAtMs, beginning.type === 'recorded' ? beginning.steps.lastAtMs : 0)
    this.#isCancelAsked = row?.isCancelRequested ?? false
    this.#isCancelApplied = this.#isCancelAsked
    this.#execution = new Execution({
      body: workflow.body,
      inputJson: run.inputJson,
      run: { id: run.id, tenant, ...(run.predecessor === undefined ? {} : { origin: run.predecessor }) },
      seed: run.seed,
      startedAtMs: this.#startedAtMs,
      history: historyOf(beginning),
      isCancelled: this.#isCancelAsked,
      macrotask,
      awaitForeign: foreignWait(parts.clock),
      hash: shortHash,
      confine: (act) => confine((error) => this.#stray(error), act),
    })
    this.#first.promise.catch(() => undefined) // heard by who started it, if somebody did
    this.#attempts = new StepAttempts({
      ...{ parts, recorder: options.recorder, open: this.#open },
      number: () => (this.#isOver ? undefined : this.#number),
      outlook: () => this.#outlookNow(NOTHING, this.#isTurning),
      settled: (seq, outcome, attempts) => this.#put({ seq, outcome, isArrived: false, attempts }),
      kept: (outlook) => this.#kept(outlook),
      lost: () => this.discard(),
    })
  }

  /** The run's number, once it has one. */
  get number(): number | undefined {
    return this.#number
  }

  /** What the first commit came to: for who starts a run. */
  get first(): Promise<{ record: TurnRecord; leave: () => Promise<void> }> {
    return this.#first.promise
  }

  /** When it wants to be told the time. */
  get nextLookMs(): number | undefined {
    return this.#open.nextLookMs()
  }

  /** True when something came in that it left without having seen. */
  get hasUnseen(): boolean {
    return this.#inbox.length > 0
  }

  /** Goes on until it leaves memory. Never rejects: what cannot be recorded discards it. */
  async live(): Promise<LifeEnd> {
    try {
      let turn: Turn | undefined = await this.#replay()
      let delivered: readonly Delivered[] = []
      while (turn !== undefined) {
        const outlook = await this.#record(turn, delivered)
        if (outlook === undefined) return this.#leave('ended')
        delivered = []
        const next = await this.#next()
        if (next === undefined) return this.#leave(this.#isOver ? 'discarded' : 'parked')
        turn = next.turn
        delivered = next.delivered
      }
      return this.#leave('discarded')
    } catch (error) {
      this.#first.reject(error)
      return this.#leave(error instanceof StaleRun ? 'stale' : 'discarded')
    }
  }

  #leave(end: LifeEnd): LifeEnd {
    this.discard()
    if (this.#number === undefined) {
      // Without effect when it was another's: that was told.
      this.#first.reject(new TenaxError('unavailable', 'the run was not accepted: start it again'))
    }
    return end
  }

  /** Throws it away. Its attempts are aborted, and their ends are not recorded. */
  discard(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#execution.discard()
    this.#open.abortAll()
    this.#poke()
  }

  /** Hears of an operation that was settled by a commit of others. */
  arrive({ seq, outcome }: Announcement): void {
    this.#inbox.push({ seq, outcome, isArrived: true, attempts: 0 })
    this.#poke()
  }

  /** Hears that its run is to be cancelled. */
  cancel(): void {
    this.#isCancelAsked = true
    this.#poke()
  }

  /** Sees to whatever is due by `nowMs`. */
  tick(nowMs: number): void {
    if (this.#isOver) return
    for (const operation of this.#open.due(nowMs)) {
      operation.isHandled = true
      const { seq, spec } = operation.asked
      if (spec.kind === 'sleep') this.#put({ seq, outcome: OK, isArrived: false, attempts: 0 })
      else this.#timeOut(seq)
    }
    this.#attempts.tick(nowMs)
  }

  /** The timeout is decided where events are given out, so that one that came in time wins (WORKFLOWS 16). */
  #timeOut(seq: number): void {
    const { recorder } = this.#options
    recorder
      .submit((file, effects) => {
        const run = this.#number
        if (run !== undefined) settle(file, { run, seq, outcome: OK }, effects)
      })
      .catch(() => this.discard())
  }

  async #replay(): Promise<Turn> {
    const turn = await this.#execution.replay()
    const { beginning } = this.#options
    if (beginning.type === 'recorded') {
      this.#open.apply(turn, beginning.steps.open)
      this.#inbox.unshift(
        ...beginning.steps.arrived.map(({ seq, outcome }) => ({ seq, outcome, isArrived: true, attempts: 0 })),
      )
    } else this.#open.apply(turn)
    return turn
  }

  /** Commits a turn. Undefined when the run has ended, or is put aside. */
  async #record(turn: Turn, delivered: readonly Delivered[]): Promise<Outlook | undefined> {
    if (this.#isOver) return undefined
    const { recorder, parts, workflow } = this.#options
    this.#isCompensating = turn.isCompensating
    this.#isStalled = turn.state.type === 'stalled'
    const plan = await prepareTurn(parts, this.#options.beginning, turn)
    for (const [seq, outcome] of plan.verdicts) this.#verdicts.set(seq, outcome)
    const input: TurnInput = {
      id: this.id,
      run: this.#number ?? (this.#options.beginning.type === 'new' ? this.#options.beginning.run : 0),
      startedAtMs: this.#startedAtMs,
      completionCount: this.#completionCount,
      outputCount: this.#outputCount,
      delivered,
      turn,
      verdicts: this.#verdicts,
      children: plan.children,
      successor: plan.successor,
      codeHash: parts.registry.codeHash(workflow.name),
      isCancelApplied: this.#isCancelApplied,
      outlook: (settled) => this.#outlookNow(settled),
    }
    const asked = [...turn.reopened, ...turn.asked].map(({ seq }) => seq)
    const committed = await this.#commit(input, recorder)
    const { value: record, durable, leave } = committed
    this.#first.resolve({ record, leave })
    if (record.type === 'existing') return undefined
    this.#isTurning = false
    this.#completionCount = record.completionCount
    this.#outputCount = record.outputCount
    this.#settled = record.settled
    this.#verdicts.clear()
    this.#outlook = record.outlook
    for (const { seq } of record.settled) this.#open.remove(seq)
    if (record.isCancelRequested) this.#isCancelAsked = true
    const leaves = this.#open.leavesFor(asked)
    durable.then(
      () => this.#attempts.allow(leaves),
      () => this.discard(),
    )
    return record.outlook
  }

  /** A tx that ended the whole transaction is recorded as failed in the next try. */
  async #commit(input: TurnInput, recorder: Recorder) {
    for (;;) {
      try {
        return await recorder.submit(
          (file, effects) => recordTurn(file, input, effects),
          (record) => this.#numbered(record),
        )
      } catch (error) {
        if (!(error instanceof TransactionEnded)) throw error
        this.#verdicts.set(error.seq, error.outcome)
      }
    }
  }

  #numbered(record: TurnRecord): void {
    if (record.type === 'existing' || this.#number !== undefined) return
    this.#number = record.number
    this.onNumber(record.number)
  }

  #outlookNow(settled: ReadonlySet<number>, isBusy = false): Outlook {
    const hasWork = isBusy || this.#isStalled || this.#inbox.some(({ seq }) => this.#open.get(seq) !== undefined)
    const nowMs = this.#options.parts.clock.nowMs()
    return this.#open.outlook(settled, { isCompensating: this.#isCompensating, hasWork, nowMs })
  }

  /** Waits for something to deliver. Undefined when nothing will come while the run is in memory. */
  async #next(): Promise<{ turn: Turn; delivered: readonly Delivered[] } | undefined> {
    for (;;) {
      if (this.#isOver) return undefined
      const delivered = this.#takeInbox()
      const completions = [...this.#settled, ...delivered.map(({ completion }) => completion)]
      this.#settled = []
      if (completions.length > 0) return this.#applied(this.#execution.deliver(completions), delivered)
      if (this.#isCancelAsked && !this.#isCancelApplied) {
        this.#isCancelApplied = true
        return this.#applied(this.#execution.cancel(), [])
      }
      if (this.#hasStray) return this.#applied(this.#execution.look(), [])
      if (this.#isStalled) {
        const turn = await this.#lookAgain()
        if (turn !== undefined) return this.#applied(Promise.resolve(turn), [])
        continue
      }
      if (this.#outlook?.readiness === 0 && this.#open.inFlightCount === 0) return undefined
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#poke = resolve
      await promise
    }
  }

  async #applied(coming: Promise<Turn>, delivered: readonly Delivered[]) {
    this.#isTurning = true
    this.#hasStray = false
    const turn = await coming
    for (const { completion } of delivered) this.#open.remove(completion.seq)
    this.#open.apply(turn)
    this.#stalledSinceMs = undefined
    return { turn, delivered }
  }

  /** What has arrived, in its places behind what was placed in the last commit. */
  #takeInbox(): Delivered[] {
    const places = this.#completionCount
    const taken = this.#inbox.filter(({ seq }) => this.#open.get(seq) !== undefined)
    this.#inbox = []
    return taken.map(({ seq, outcome, isArrived, attempts }, index) => {
      this.#lastAtMs = Math.max(this.#lastAtMs, this.#options.parts.clock.nowMs())
      return { completion: { seq, number: places + index + 1, atMs: this.#lastAtMs, outcome }, isArrived, attempts }
    })
  }

  /** The body awaits something of its own: it is looked at again, less and less often, and fails in the end (WORKFLOWS 8). */
  async #lookAgain(): Promise<Turn | undefined> {
    const { clock } = this.#options.parts
    const nowMs = clock.monotonicMs()
    this.#stalledSinceMs ??= nowMs
    const sinceMs = nowMs - this.#stalledSinceMs
    const waitMs = Math.min(Math.max(sinceMs, FOREIGN_FIRST_MS), FOREIGN_LOOK_MS_MAX)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#poke = resolve
    const timer = clock.after(waitMs, resolve)
    await promise
    timer.cancel()
    if (this.#isOver || this.#inbox.length > 0) return undefined
    const turn = await this.#execution.look()
    const isSilent = turn.state.type === 'stalled' && turn.asked.length + turn.outputs.length === 0
    if (!isSilent) return turn
    if (sinceMs < FOREIGN_MS_MAX) return undefined
    const outcome = failed('awaits_foreign_promise', FOREIGN_MESSAGE, 1)
    return outcome.type === 'error' ? { ...turn, state: { type: 'failed', error: outcome.error } } : turn
  }

  #stray(error: unknown): void {
    this.#execution.stray(error)
    this.#hasStray = true
    this.#poke()
  }

  #put(inbound: Inbound): void {
    if (this.#isOver) return
    this.#inbox.push(inbound)
    this.#poke()
  }

  #kept(outlook: Outlook | undefined): void {
    if (outlook !== undefined) this.#outlook = outlook
    this.#options.recorder.touch()
    this.#poke()
  }
}

const OK: Outcome = { type: 'ok', json: undefined }
const NOTHING: ReadonlySet<number> = new Set()
const FOREIGN_MESSAGE = 'the body awaits a promise that is no operation of its context: put that work into a step'

function historyOf(beginning: Beginning): History {
  if (beginning.type === 'new') return { operations: [], outputCount: 0, patches: {} }
  const { row, steps } = beginning
  return {
    operations: steps.operations,
    outputCount: row.outputCount,
    patches: row.patches,
    cancelledAfter: row.cancelledAfter,
    skipped: row.skipped,
  }
}
