/**
 * One run in memory, from its claim to its end, or until everything that it waits for is a time, an event or a child: then
 * it leaves memory, and its record brings it back.
 *
 * Invariants:
 *  1. One turn at a time: deliver, commit, perform. What arrives meanwhile waits in the inbox (WORKFLOWS 2, 3).
 *  2. An attempt begins only when the commit that asked for it is durable (WORKFLOWS 9).
 *  3. Behind `discard()` nothing of it is recorded. Whoever discards it sees that the run is claimed again.
 */
import { TenaxError } from '@tenax/kernel'
import type { Execution, Outcome, Turn } from '@tenax/workflow/core'
import { executionOf, hasChild, isCancelApplied, type RunLifeOptions, rowOf, runOf, takenUpOf } from './beginning.ts'
import { prepareTurn } from './child-plan.ts'
import { settleDue } from './due-operations.ts'
import { ForeignLooks } from './foreign-looks.ts'
import { arrivedOf, type Inbound, Inbox } from './inbox.ts'
import { KeepingStill } from './keeping-still.ts'
import { OpenOperations } from './open-operations.ts'
import type { Recorder } from './parts.ts'
import { replayedState } from './replay-check.ts'
import type { RunFault } from './run-faults.ts'
import { type AttemptsOwner, StepAttempts } from './step-attempts.ts'
import type { Announcement } from './store/announcement.ts'
import type { Outlook } from './store/runs.ts'
import { type Delivered, recordTurn, StaleRun, type TurnInput, type TurnRecord } from './store/turn-record.ts'
import { confine, type StrayKind } from './stray.ts'
import { TransactionEnded } from './tx.ts'
import type { RunName } from './watch/loop-note.ts'

/** Why a life is over: its run ended or was put aside, it waits outside memory, or it is to be claimed anew. */
export type LifeEnd = 'ended' | 'parked' | 'stale' | 'discarded'

/** A run in memory. */
export class RunLife {
  readonly id: string
  readonly #name: RunName
  /** Told the run's number when its first commit gave it one. */
  onNumber: (number: number) => void = () => undefined
  hasRecorded = false
  readonly #options: RunLifeOptions
  readonly #execution: Execution
  readonly #open = new OpenOperations()
  readonly #owner: AttemptsOwner
  readonly #attempts: StepAttempts
  readonly #inbox: Inbox
  readonly #looks: ForeignLooks
  readonly #verdicts = new Map<number, Outcome>()
  readonly #startedAtMs: number
  readonly #first = Promise.withResolvers<{ record: TurnRecord; leave: () => Promise<void> }>()
  #number: number | undefined
  /** Placed by the last commit, not yet delivered. */
  #settled: Extract<TurnRecord, { type: 'recorded' }>['settled'] = []
  #completionCount: number
  #outputCount: number
  #isCompensating = false
  #isStalled = false
  /** True while the body is ahead of the record: what memory says then is not how the run stands. */
  #isTurning = true
  #isCancelAsked: boolean
  #hasChildren: boolean
  readonly #still: KeepingStill
  #isCancelApplied: boolean
  #outlook: Outlook | undefined
  #isOver = false
  #hasStray = false
  #thrown: { readonly error: unknown } | undefined
  #poke: () => void = () => undefined

  constructor(options: RunLifeOptions) {
    this.#options = options
    const { parts, beginning } = options
    const row = rowOf(beginning)
    this.id = runOf(beginning).id
    this.#name = { tenant: options.tenant, run: this.id }
    this.#number = row?.number
    // A clock that was set back starts no run before it was made.
    this.#startedAtMs = row?.startedAtMs ?? Math.max(parts.clock.nowMs(), row?.createdAtMs ?? 0)
    const beginsAtMs = row?.beginsAtMs ?? this.#startedAtMs
    this.#completionCount = beginning.type === 'recorded' ? beginning.steps.completionCount : 0
    this.#outputCount = row?.outputCount ?? 0
    this.#isCancelAsked = row?.isCancelRequested ?? false
    this.#isCancelApplied = isCancelApplied(beginning)
    this.#hasChildren = hasChild(beginning)
    const recordedAtMs = beginning.type === 'recorded' ? beginning.steps.lastAtMs : 0
    this.#inbox = new Inbox(this.#open, { clock: parts.clock, lastAtMs: Math.max(beginsAtMs, recordedAtMs) })
    this.#looks = new ForeignLooks(parts.clock)
    this.#execution = executionOf(beginning, options, {
      startedAtMs: beginsAtMs,
      confine: (act) => this.#confine(act),
    })
    this.#first.promise.catch(() => undefined) // heard by who started it, if somebody did
    this.#still = new KeepingStill({
      ...{ recorder: options.recorder, open: this.#open, inbox: this.#inbox, execution: this.#execution },
      number: () => this.#number,
      isOver: () => this.#isOver,
      isCancelPending: () => this.#isCancelPending && !this.#isTurning,
      poked: () => this.#poked(),
    })
    this.#owner = {
      ...{ parts, recorder: options.recorder, open: this.#open, name: this.#name },
      number: () => (this.#isOver ? undefined : this.#number),
      isHeld: () => this.#still.isOn || this.#isCancelPending,
      outlook: () => this.#outlookNow(NOTHING, this.#isTurning),
      settled: (seq, outcome, attempts) => this.#put({ seq, outcome, isArrived: false, attempts }),
      kept: (outlook) => this.#kept(outlook),
      lost: () => this.discard(),
    }
    this.#attempts = new StepAttempts(this.#owner)
  }

  /** The run's number, once it has one. */
  get number(): number | undefined {
    return this.#number
  }

  /** True while nothing of it is in the record, where its run is still one to be claimed. */
  get isUnrecorded(): boolean {
    return !this.hasRecorded && !this.#isOver
  }

  /** What it was thrown out of memory by, if that was something unexpected. */
  get fault(): RunFault | undefined {
    const { parts, workflow } = this.#options
    if (this.#thrown === undefined || this.#number === undefined) return undefined
    return { ...this.#thrown, number: this.#number, id: this.id, codeHash: parts.registry.codeHash(workflow.name) }
  }

  /** What the first commit came to: for who starts a run. */
  get first(): Promise<{ record: TurnRecord; leave: () => Promise<void> }> {
    return this.#first.promise
  }

  /** When it wants to be told the time. */
  get nextLookMs(): number | undefined {
    return this.#still.isOn ? undefined : this.#open.nextLookMs()
  }

  /** True when something came in that it left without having seen. */
  get hasUnseen(): boolean {
    return !this.#inbox.isEmpty
  }

  /** Goes on until it leaves memory. Never rejects: what cannot be recorded discards it. */
  async live(): Promise<LifeEnd> {
    try {
      let turn: Turn | undefined = await this.#replay()
      let delivered: readonly Delivered[] = []
      while (turn !== undefined) {
        const outlook = await this.#record(turn, delivered)
        if (outlook === undefined)
          return this.#leave(this.#still.isAhead && (await this.#still.keep()) ? 'parked' : 'ended')
        delivered = []
        const state = this.#options.parts.checksReplay ? await replayedState(this.#options, this.#number) : undefined
        if (state !== undefined) {
          await this.#record({ ...turn, asked: [], state }, [])
          return this.#leave('ended')
        }
        const next = await this.#next()
        if (next === undefined) return this.#leave(this.#isOver ? 'discarded' : 'parked')
        turn = next.turn
        delivered = next.delivered
      }
      return this.#leave('discarded')
    } catch (error) {
      this.#first.reject(error)
      if (!this.#isOver && !(error instanceof StaleRun)) this.#thrown = { error }
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
  arrive(announcement: Announcement): void {
    this.#inbox.put(arrivedOf(announcement))
    this.#poke()
  }

  /** Hears that its run is to be cancelled. */
  cancel(): void {
    this.#isCancelAsked = true
    this.resume()
  }

  /** Hears that its run is paused: the ends of attempts in flight are recorded, and nothing else happens. */
  pause(): void {
    this.#still.isPaused = true
    this.#poke()
  }

  /** Hears that its run is not paused any more. */
  resume(): void {
    const wasPaused = this.#still.isPaused
    this.#still.isPaused = false
    if (wasPaused) this.#attempts.release()
    this.#poke()
  }

  /** Sees to whatever is due by `nowMs`. */
  tick(nowMs: number): void {
    if (this.#isOver || this.#still.isOn) return
    settleDue(this.#owner, nowMs)
    this.#attempts.tick(nowMs)
  }

  async #replay(): Promise<Turn> {
    const turn = await this.#execution.replay()
    const { beginning } = this.#options
    if (beginning.type === 'recorded') {
      this.#open.apply(turn, beginning.steps.open)
      this.#inbox.putFirst(beginning.steps.arrived)
      // What brought it back is work: without it the run would be put to rest again, and lose its slot.
      settleDue(this.#owner, this.#options.parts.clock.nowMs())
    } else this.#open.apply(turn)
    return turn
  }

  /** Commits a turn. Undefined when the run has ended, or is put aside. */
  async #record(turn: Turn, delivered: readonly Delivered[]): Promise<Outlook | undefined> {
    if (this.#isOver) return undefined
    const { recorder, parts, workflow } = this.#options
    this.#isCompensating = turn.isCompensating
    this.#isStalled = turn.state.type === 'stalled'
    this.#hasChildren ||= turn.asked.some(({ spec }) => spec.kind === 'child')
    const plan = await prepareTurn(parts, this.#options.beginning, turn)
    for (const [seq, outcome] of plan.verdicts) this.#verdicts.set(seq, outcome)
    const input: TurnInput = {
      id: this.id,
      run: this.#number ?? (this.#options.beginning.type === 'new' ? this.#options.beginning.run : 0),
      startedAtMs: this.#startedAtMs,
      completionCount: this.#completionCount,
      outputCount: this.#outputCount,
      ...takenUpOf(this.#options.beginning),
      delivered,
      ...plan,
      verdicts: this.#verdicts,
      codeHash: parts.registry.codeHash(workflow.name),
      hasChildren: this.#hasChildren,
      isCancelApplied: this.#isCancelApplied,
      hasOpen: this.#open.count > 0,
      isOver: () => this.#isOver,
      outlook: (settled) => this.#outlookNow(settled),
    }
    const asked = [...turn.reopened, ...turn.asked].map(({ seq }) => seq)
    const committed = await this.#commit(input, recorder)
    const { value: record, durable, leave } = committed
    this.#first.resolve({ record, leave })
    this.#still.isAhead = record.type === 'paused'
    if (record.type !== 'recorded') return undefined
    this.#isTurning = false
    this.#completionCount = record.completionCount
    this.#outputCount = record.outputCount
    this.#options.parts.feeds.recorded(this.#options.tenant, this.#number, this.#outputCount)
    this.#settled = record.settled
    this.#verdicts.clear()
    this.#outlook = record.outlook
    for (const { seq } of record.settled) this.#open.remove(seq)
    if (record.isCancelRequested) this.#isCancelAsked = true
    const leaves = this.#open.leavesFor(asked)
    durable
      .then(() => parts.share.enter(this.#options.tenant))
      .then(
        () => this.#attempts.allow(leaves),
        () => this.discard(),
      )
    return record.outlook
  }

  /** A tx that ended the whole transaction is recorded as failed in the next try. */
  async #commit(input: TurnInput, recorder: Recorder) {
    // Only what a user's own SQL may end is refused when something has been written.
    const isRefusedFirst = !input.turn.asked.some(({ spec }) => spec.kind === 'tx' || spec.kind === 'sql')
    const heard = (record: TurnRecord) => this.#numbered(record)
    const about = { heard, isRefusedFirst, takesFaults: true }
    for (;;) {
      try {
        return await recorder.submit((file, effects) => {
          this.hasRecorded = true
          return this.#confine(() => recordTurn(file, input, effects))
        }, about)
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
    const hasWork = isBusy || this.#isStalled || this.#inbox.hasWork
    const nowMs = this.#options.parts.clock.nowMs()
    return this.#open.outlook(settled, { isCompensating: this.#isCompensating, hasWork, nowMs })
  }

  /** Waits for something to deliver. Undefined when nothing will come while the run is in memory. */
  async #next(): Promise<{ turn: Turn; delivered: readonly Delivered[] } | undefined> {
    for (;;) {
      if (this.#isOver || (await this.#still.keep()) || this.#mustQueue) return undefined
      if (this.#isCancelPending) this.#inbox.forgetFailures(this.#still.childSeqs())
      const delivered = this.#inbox.take(this.#completionCount)
      const completions = [...this.#settled, ...delivered.map(({ completion }) => completion)]
      this.#settled = []
      if (completions.length > 0) return this.#applied(this.#execution.deliver(completions), delivered)
      if (this.#isCancelPending) {
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
      await this.#poked()
    }
  }

  /** True when its slot went to somebody else with the last commit: what has come in meanwhile is for when it has one again. */
  get #mustQueue(): boolean {
    return this.#outlook?.readiness === 0 && rowOf(this.#options.beginning)?.isSlotted === true
  }

  get #isCancelPending(): boolean {
    return this.#isCancelAsked && !this.#isCancelApplied
  }

  async #poked(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#poke = resolve
    await promise
    await this.#options.parts.share.enter(this.#options.tenant)
  }

  async #applied(coming: Promise<Turn>, delivered: readonly Delivered[]) {
    this.#isTurning = true
    this.#hasStray = false
    const turn = await coming
    for (const { completion } of delivered) this.#open.remove(completion.seq)
    this.#open.apply(turn)
    this.#looks.reset()
    return { turn, delivered }
  }

  /** The body awaits something of its own: it is looked at again, and fails in the end (WORKFLOWS 8). */
  async #lookAgain(): Promise<Turn | undefined> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#poke = resolve
    await this.#looks.wait(promise, resolve)
    if (this.#isOver || !this.#inbox.isEmpty) return undefined
    return this.#looks.judge(await this.#execution.look())
  }

  #confine<T>(act: () => T): T {
    return confine(this.#name, (error, kind) => this.#stray(error, kind), act)
  }

  #stray(error: unknown, kind: StrayKind): void {
    this.#execution.stray(error, kind)
    this.#hasStray = true
    this.#poke()
  }

  #put(inbound: Inbound): void {
    if (this.#isOver) return
    this.#inbox.put(inbound)
    this.#poke()
  }

  #kept(outlook: Outlook | undefined): void {
    if (outlook !== undefined) this.#outlook = outlook
    this.#options.parts.feeds.recorded(this.#options.tenant, this.#number, this.#outputCount)
    this.#options.recorder.touch()
    this.#poke()
  }
}

const NOTHING: ReadonlySet<number> = new Set()
