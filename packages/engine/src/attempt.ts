/** One attempt of a step: its function with a time limit, and what its end means. */
import { type Clock, messageOf } from '@tenax/kernel'
import type { Attempt, Json } from '@tenax/workflow'
import type { OperationSpec, Outcome, RetryPolicy, StoredError } from '@tenax/workflow/core'
import { ATTEMPT_MS_MAX } from './limits.ts'
import { shortHash } from './registry.ts'
import { failureOf, outcomeOfResult } from './stored-error.ts'
import { confine } from './stray.ts'

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
  readonly spec: StepSpec
  readonly number: number
  /** What `progress` of an earlier attempt left. */
  readonly lastJson: string | undefined
  readonly clock: Clock
  /** Aborts the attempt from outside: its end is then of no interest. */
  readonly controller: AbortController
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
    if (error instanceof AttemptTimeout) {
      return endOf(options, { code: 'step_timeout', message: error.message, attempts: number }, true, notes)
    }
    const failure = failureOf(error, number)
    return endOf(options, failure.error, failure.isRetryable, notes)
  }
}

class AttemptTimeout extends Error {}

async function inTime(options: AttemptOptions, notes: { progressJson: string | undefined }): Promise<unknown> {
  const { spec, clock, controller } = options
  const late = Promise.withResolvers<never>()
  late.promise.then(undefined, () => undefined)
  const giveUp = (error: unknown) => {
    late.reject(error)
    controller.abort(error)
  }
  const timer = clock.after(Math.min(spec.timeoutMs, ATTEMPT_MS_MAX), () => {
    giveUp(new AttemptTimeout(`the attempt took longer than ${spec.timeoutMs} ms`))
  })
  try {
    // A function that throws before it returns a promise is an attempt like any other.
    const work = (async () => confine(giveUp, () => spec.run(attemptOf(options, notes))))()
    return await Promise.race([work, late.promise])
  } finally {
    timer.cancel()
  }
}

function attemptOf(
  { spec, number, lastJson, controller }: AttemptOptions,
  notes: { progressJson: string | undefined },
): Attempt {
  return {
    signal: controller.signal,
    number,
    idempotencyKey: spec.idempotencyKey,
    emit: () => undefined,
    progress: (value: Json) => {
      notes.progressJson = JSON.stringify(value)
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
    if (retry.when?.(error) === false) return { type: 'settled', outcome: { type: 'error', error } }
  } catch (thrown) {
    const message = `${error.message}; retry.when() threw: ${messageOf(thrown)}`
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
