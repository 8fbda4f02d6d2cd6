/** One attempt of a step: its function with a time limit, and what its end means. */
import { type Clock, keptText, messageOf } from '@tenax/kernel'
import type { Attempt, Json } from '@tenax/workflow'
import type { OperationSpec, Outcome, RetryPolicy, StoredError } from '@tenax/workflow/core'
import { ATTEMPT_MS_MAX } from './limits.ts'
import { shortHash } from './registry.ts'
import { failureOf, outcomeOfResult, payloadOf } from './stored-error.ts'
import { aside, confine, type StrayKind, within } from './stray.ts'
import { isThrown } from './thrown.ts'
import type { RunName } from './watch/loop-note.ts'

/** What a step's operation says. */
export type StepSpec = Extract<OperationSpec, { kind: 'step' }>

/** How an attempt ended. */
export type AttemptEnd =
  | { readonly type: 'settled'; readonly outcome: Outcome }
  | {
      readonly type: 'again'
      readonly error: StoredError
      readonly delayMs: number
      readonly progressJson: string | undefined
    }

/** One attempt under way. */
export interface AttemptOptions {
  readonly name: RunName
  readonly spec: StepSpec
  readonly number: number
  /** What `progress` of an earlier attempt left. */
  readonly lastJson: string | undefined
  readonly clock: Clock
  /** Aborts the attempt from outside: its end is then of no interest. */
  readonly controller: AbortController
  /** Shows a value at once. Throws what is wrong with it. */
  readonly show: (value: Json) => void
}

/** Runs one attempt. Never rejects. */
export async function runAttempt(options: AttemptOptions): Promise<AttemptEnd> {
  const { number } = options
  const notes: { progressJson: string | undefined } = { progressJson: undefined }
  try {
    const value = await inTime(options, notes)
    const outcome = outcomeOfResult(value, number)
    return { type: 'settled', outcome }
  } catch (error) {
    if (isThrown(error, AttemptTimeout)) {
      return endOf(options, { code: 'step_timeout', message: error.message, attempts: number }, true, notes)
    }
    const failure = failureOf(error, number)
    return endOf(options, failure.error, failure.isRetryable, notes)
  }
}

class AttemptTimeout extends Error {}

async function inTime(options: AttemptOptions, notes: { progressJson: string | undefined }): Promise<unknown> {
  const { name, spec, clock, controller } = options
  const late = Promise.withResolvers<never>()
  late.promise.then(undefined, () => undefined)
  const giveUp = (error: unknown) => {
    late.reject(error)
    aside(() => controller.abort(error))
  }
  const timer = clock.after(Math.min(spec.timeoutMs, ATTEMPT_MS_MAX), () => {
    giveUp(new AttemptTimeout(`the attempt took longer than ${spec.timeoutMs} ms`))
  })
  try {
    // A function that throws before it returns a promise is an attempt like any other.
    const work = (async () =>
      confine(
        name,
        (error, kind) => giveUp(strayOf(error, kind)),
        () => within(`the step "${spec.name}"`, () => spec.run(attemptOf(options, notes))),
      ))()
    return await Promise.race([work, late.promise])
  } finally {
    timer.cancel()
  }
}

/** An exception out of a callback says that it is one: no `catch` of the step can have seen it. */
function strayOf(error: unknown, kind: StrayKind): unknown {
  if (kind === 'unhandled_rejection') return error
  const stray = new Error(`a callback of the step threw: ${messageOf(error)}`, { cause: error })
  if (isThrown(error, Error)) stray.name = error.name
  return Object.assign(stray, { code: kind })
}

function attemptOf(
  { spec, number, lastJson, controller, show }: AttemptOptions,
  notes: { progressJson: string | undefined },
): Attempt {
  return {
    signal: controller.signal,
    number,
    idempotencyKey: spec.idempotencyKey,
    emit: (value) => {
      if (!controller.signal.aborted) show(value)
    },
    progress: (value: Json) => {
      notes.progressJson = payloadOf(value, 'progress of an attempt')
    },
    ...(lastJson === undefined ? {} : { last: JSON.parse(lastJson) as Json }),
  }
}

function endOf(
  { spec, number }: AttemptOptions,
  error: StoredError,
  isRetryable: boolean,
  { progressJson }: { readonly progressJson: string | undefined },
): AttemptEnd {
  const { retry } = spec
  if (spec.atMostOnce || !isRetryable || number >= retry.attempts)
    return { type: 'settled', outcome: { type: 'error', error } }
  try {
    if (aside(() => retry.when?.(error)) === false) return { type: 'settled', outcome: { type: 'error', error } }
  } catch (thrown) {
    const message = keptText(`${error.message}; retry.when() threw: ${messageOf(thrown)}`)
    return { type: 'settled', outcome: { type: 'error', error: { ...error, message } } }
  }
  return { type: 'again', error, delayMs: delayMsOf(retry, number, spec.idempotencyKey), progressJson }
}

/** The wait behind attempt `number`. Jitter takes up to half of it away; it is kept with the attempt, so it is drawn once. */
export function delayMsOf(retry: RetryPolicy, number: number, seed: string): number {
  const fullMs = Math.min(retry.firstMs * retry.factor ** (number - 1), retry.waitMsMax)
  if (!retry.jitter) return Math.round(fullMs)
  const fraction = Number.parseInt(shortHash(`${seed}/${number}`).slice(0, 8), 16) / 2 ** 32
  return Math.round(fullMs * (1 - fraction / 2))
}
