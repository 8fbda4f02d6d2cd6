/** The operations of a run in memory that have no outcome yet: what they wait for, and what that makes of the run. */
import type { AskedOperation, Turn } from '@tenax/workflow/core'
import type { Outlook } from './store/runs.ts'
import { dueAtMsOf, type OpenRow } from './store/steps.ts'
import { aside } from './stray.ts'

/** The members of a turn that say which operations open and which go. */
export type OperationChanges = Pick<Turn, 'asked' | 'reopened' | 'dropped' | 'cancelled'>

/** An operation without an outcome. */
export interface OpenOperation {
  readonly asked: AskedOperation
  /** Attempts that have failed, or of which the record says that they began. */
  attempts: number
  /** End of a sleep, deadline of a wait, or when the next attempt is due. */
  dueAtMs: number | undefined
  progressJson: string | undefined
  /** Aborts the attempt under way. */
  flight: AbortController | undefined
  /** True when what it was asked in is durable: its effect may begin (WORKFLOWS 9). */
  mayStart: boolean
  /** True once its time was up and somebody sees to it. */
  isHandled: boolean
  /** True once its outcome has come in, though the body has yet to see it: nothing more is done for it. */
  hasOutcome: boolean
  /** Attempts that have begun here. */
  begunCount: number
}

/** Leave to begin one attempt of a step, when what it builds on is durable. It is void once that attempt has begun. */
export interface StartLeave {
  readonly operation: OpenOperation
  readonly begunCount: number
}

/** Open operations by `seq`. */
export class OpenOperations {
  readonly #open = new Map<number, OpenOperation>()

  get(seq: number): OpenOperation | undefined {
    return this.#open.get(seq)
  }

  /** Takes in what a turn asked for, and lets go what it dropped. `rows` says how far reopened ones were. */
  apply(turn: OperationChanges, rows?: ReadonlyMap<number, OpenRow>): void {
    for (const asked of [...turn.reopened, ...turn.asked]) {
      const row = rows?.get(asked.seq)
      this.#open.set(asked.seq, {
        asked,
        attempts: row?.attempts ?? 0,
        dueAtMs: row === undefined ? dueAtMsOf(asked) : row.dueAtMs,
        progressJson: row?.progressJson,
        flight: undefined,
        mayStart: false,
        isHandled: false,
        hasOutcome: false,
        begunCount: 0,
      })
    }
    for (const seq of turn.dropped) this.remove(seq)
    for (const { seq } of turn.cancelled) this.remove(seq)
  }

  /** Hears that an outcome came in. A replay opens again what the record has an outcome of that the body has not seen. */
  noteOutcome(seq: number): void {
    const operation = this.#open.get(seq)
    if (operation !== undefined) operation.hasOutcome = true
  }

  /** Lets go of an operation that has its outcome, or needs none; an attempt under way is aborted. */
  remove(seq: number): void {
    const flight = this.#open.get(seq)?.flight
    aside(() => flight?.abort(new Error('nobody waits for this attempt any more')))
    this.#open.delete(seq)
  }

  abortAll(): void {
    for (const { flight } of this.#open.values()) aside(() => flight?.abort(new Error('the run has left this host')))
    this.#open.clear()
  }

  get count(): number {
    return this.#open.size
  }

  get inFlightCount(): number {
    let count = 0
    for (const { flight } of this.#open.values()) if (flight !== undefined) count += 1
    return count
  }

  /** For those of `seqs` that are steps: to be given back when what asked for them is durable. */
  leavesFor(seqs: readonly number[]): StartLeave[] {
    return seqs
      .map((seq) => this.#open.get(seq))
      .filter((operation) => operation !== undefined)
      .filter(({ asked }) => asked.spec.kind === 'step')
      .map(leaveFor)
  }

  /** What these build on is durable, so they may begin, but those whose next attempt is due later. */
  allowStart(leaves: readonly StartLeave[], nowMs: number): void {
    for (const { operation, begunCount } of leaves) {
      if (operation.begunCount !== begunCount || this.#open.get(operation.asked.seq) !== operation) continue
      operation.isHandled = false
      operation.mayStart = operation.dueAtMs === undefined || operation.dueAtMs <= nowMs
    }
  }

  /** Steps that can begin an attempt now. */
  startable(): OpenOperation[] {
    return [...this.#open.values()].filter(
      ({ mayStart, flight, isHandled, hasOutcome }) => mayStart && flight === undefined && !isHandled && !hasOutcome,
    )
  }

  /** Steps whose next attempt is due: from now on somebody sees to them. */
  takeRetries(nowMs: number): StartLeave[] {
    const due = [...this.#open.values()].filter((operation) => isUnattended(operation) && isRetryDue(operation, nowMs))
    for (const operation of due) operation.isHandled = true
    return due.map(leaveFor)
  }

  /** Sleeps and waits whose time is up. A wait may still be won by an event at its deadline (WORKFLOWS 16). */
  due(nowMs: number): OpenOperation[] {
    return [...this.#open.values()].filter(
      (operation) => !operation.isHandled && !operation.hasOutcome && isOver(operation, nowMs),
    )
  }

  /** When somebody is to look again: what is seen to already is left out. */
  nextLookMs(): number | undefined {
    return earliest([...this.#open.values()].filter((operation) => isUnattended(operation)))
  }

  /** The earliest time at which something of it is due, as the record has it. */
  #nextDueMs(settled: ReadonlySet<number>): number | undefined {
    return earliest(
      [...this.#open.values()].filter(({ asked, flight }) => flight === undefined && !settled.has(asked.seq)),
    )
  }

  /** How the run goes on, when `settled` have their outcomes. A run whose operations all wait leaves memory. */
  outlook(
    settled: ReadonlySet<number>,
    state: { readonly isCompensating: boolean; readonly hasWork: boolean; readonly nowMs: number },
  ): Outlook {
    const isActive = state.hasWork || this.#hasWork(settled, state.nowMs)
    const wakeAtMs = this.#nextDueMs(settled)
    if (state.isCompensating) return { status: 'compensating', readiness: isActive ? 2 : 0, wakeAtMs }
    return isActive ? { status: 'running', readiness: 2, wakeAtMs } : { status: 'waiting', readiness: 0, wakeAtMs }
  }

  #hasWork(settled: ReadonlySet<number>, nowMs: number): boolean {
    for (const [seq, operation] of this.#open) {
      if (settled.has(seq)) continue
      // Else a run that was claimed because its time has come would leave memory before anybody told it the time.
      if (isOver(operation, nowMs)) return true
      const { asked, dueAtMs, flight } = operation
      if (asked.spec.kind !== 'step') continue
      if (flight !== undefined || dueAtMs === undefined || dueAtMs <= nowMs) return true
    }
    return false
  }
}

function leaveFor(operation: OpenOperation): StartLeave {
  return { operation, begunCount: operation.begunCount }
}

function isUnattended({ flight, isHandled, mayStart, hasOutcome }: OpenOperation): boolean {
  return flight === undefined && !isHandled && !mayStart && !hasOutcome
}

function isRetryDue({ asked, dueAtMs }: OpenOperation, nowMs: number): boolean {
  return asked.spec.kind === 'step' && dueAtMs !== undefined && dueAtMs <= nowMs
}

/** True for a sleep or a wait whose time is up. */
function isOver({ asked, dueAtMs }: OpenOperation, nowMs: number): boolean {
  if (dueAtMs === undefined) return false
  return asked.spec.kind === 'sleep' ? dueAtMs <= nowMs : asked.spec.kind === 'wait' && dueAtMs < nowMs
}

/** An event at its deadline still wins, so a wait is over a millisecond later (WORKFLOWS 16). */
function earliest(operations: readonly OpenOperation[]): number | undefined {
  const times = operations.flatMap(({ asked, dueAtMs }) => {
    if (dueAtMs === undefined) return []
    return asked.spec.kind === 'wait' ? dueAtMs + 1 : dueAtMs
  })
  return times.length === 0 ? undefined : times.reduce((least, atMs) => Math.min(least, atMs))
}
