/** What each call of the context asks for: its arguments checked, its defaults filled in, and what its hash is made of. */
import { isKeptWhole, TenaxError } from '@tenax/kernel'
import type { Attempt, Ctx, EventDef, Retry, StepOptions, Tx, WaitOptions, WorkflowRef } from '../api.ts'
import { parseDuration } from '../duration.ts'
import {
  ATTEMPTS_DEFAULT,
  ATTEMPTS_MAX,
  NAME_CHARACTERS_MAX,
  RETRY_FACTOR,
  RETRY_FIRST_MS,
  RETRY_WAIT_MS_MAX,
  STEP_TIMEOUT_MS,
  TIME_MS_MAX,
} from '../limits.ts'
import { digitsOf, type Hash } from './chance.ts'
import type { Call, Compensate } from './entry.ts'
import { stepErrorOf } from './failures.ts'
import type { OperationSpec, RetryPolicy } from './history.ts'
import { encodePayload } from './json.ts'
import type { Scope } from './scope.ts'

/** Where a call is made. */
export interface Site {
  readonly scope: Scope
  readonly isShielded: boolean
  readonly runId: string
  readonly hash: Hash
  nowMs(): number
}

/** Options of a step or a tx, with the types of its result and context forgotten. */
export interface StepSettings extends Omit<StepOptions<never, never>, 'compensate'> {
  compensate?(ctx: never, done: never): Promise<void>
}

type SpecOf<K extends OperationSpec['kind']> = Extract<OperationSpec, { kind: K }>

/** Digits of an id that derives from a run and an operation: 80 bits. */
const DERIVED_DIGITS = 20

/** The same for every attempt, and for the compensation, of one operation of one run (WORKFLOWS 12). */
export function idempotencyKeyOf(hash: Hash, runId: string, identity: string): string {
  return digitsOf(hash, `effect\n${runId}\n${identity}`, DERIVED_DIGITS)
}

export function stepCall(site: Site, name: string, run: (attempt: Attempt) => unknown, options: StepSettings): Call {
  const build = (identity: string): { spec: SpecOf<'step'>; declared: unknown } => {
    const spec = {
      kind: 'step',
      name,
      run: checkFunction(run),
      retry: retryPolicy(name, options.retry),
      timeoutMs: options.timeout === undefined ? STEP_TIMEOUT_MS : parseDuration(options.timeout),
      atMostOnce: options.atMostOnce ?? false,
      uses: options.uses === undefined ? undefined : checkText(options.uses, 'resource'),
      durability: options.durability ?? 'local',
      hasCompensation: checkOptional(options.compensate) !== undefined,
      idempotencyKey: idempotencyKeyOf(site.hash, site.runId, identity),
    } as const
    return { spec, declared: null }
  }
  return call(site, { kind: 'step', name, key: options.key, compensate: options.compensate, build })
}

export function txCall(site: Site, name: string, run: (db: Tx) => unknown, options: StepSettings): Call {
  const build = (): { spec: SpecOf<'tx'>; declared: unknown } => {
    const hasCompensation = checkOptional(options.compensate) !== undefined
    return { spec: { kind: 'tx', name, run: checkFunction(run), hasCompensation }, declared: null }
  }
  return call(site, { kind: 'tx', name, key: options.key, compensate: options.compensate, build })
}

export function sqlCall(site: Site, name: string, given: Parameters<Ctx['sql']>[1]): Call {
  const build = (): { spec: SpecOf<'sql'>; declared: unknown } => {
    const statements = given.map(({ sql, args = [] }) => ({ sql, args: [...args] }))
    const declared = statements.map(({ sql, args }) => [sql, ...args.map(shownArgument)])
    return { spec: { kind: 'sql', name, statements }, declared }
  }
  return call(site, { kind: 'sql', name, build })
}

export function sleepCall(site: Site, name: string, duration: Parameters<Ctx['sleep']>[1]): Call {
  const build = (): { spec: SpecOf<'sleep'>; declared: unknown } => {
    const ms = parseDuration(duration)
    return { spec: { kind: 'sleep', name, dueAtMs: site.nowMs() + ms }, declared: ms }
  }
  return call(site, { kind: 'sleep', name, build })
}

export function sleepUntilCall(site: Site, name: string, time: Date | number): Call {
  const build = (): { spec: SpecOf<'sleep'>; declared: unknown } => {
    const dueAtMs = Math.round(Number(time))
    if (!(Math.abs(dueAtMs) <= TIME_MS_MAX)) throw refused(`${String(time)} is not a time`)
    return { spec: { kind: 'sleep', name, dueAtMs }, declared: { until: dueAtMs } }
  }
  return call(site, { kind: 'sleep', name, build })
}

/** A wait has no name but its event's, and its key tells it from a wait for the same event beside it. */
export function waitCall(site: Site, event: EventDef<unknown>, { key = '', timeout, lookback }: WaitOptions): Call {
  const build = (): { spec: SpecOf<'wait'>; declared: unknown } => {
    const timeoutMs = timeout === undefined ? undefined : parseDuration(timeout)
    const lookbackMs = parseDuration(lookback ?? 0)
    const deadlineMs = timeoutMs === undefined ? undefined : site.nowMs() + timeoutMs
    const name = checkTitle(event.name, 'event')
    const spec = { kind: 'wait', event: name, key: checkText(key, 'key'), deadlineMs, lookbackMs } as const
    return { spec, declared: [name, key, timeoutMs ?? null, lookbackMs] }
  }
  return call(site, { kind: 'wait', name: key === '' ? event.name : `${event.name}:${key}`, build })
}

export function childCall(
  site: Site,
  name: string,
  workflow: WorkflowRef<never, unknown>,
  { input, onParentClose = 'cancel' }: { input: unknown; onParentClose?: 'cancel' | 'abandon' | undefined },
): Call {
  const build = (identity: string): { spec: SpecOf<'child'>; declared: unknown } => {
    const inputJson = encodePayload(input) ?? 'null'
    const childId = digitsOf(site.hash, `child\n${site.runId}\n${identity}`, DERIVED_DIGITS)
    const title = checkTitle(workflow.name, 'workflow')
    const spec = { kind: 'child', name, workflow: title, inputJson, childId, onParentClose } as const
    return { spec, declared: [title, inputJson, onParentClose] }
  }
  return call(site, { kind: 'child', name, build })
}

export function sendCall(
  site: Site,
  name: string,
  event: EventDef<never>,
  { to, payload }: { to: Parameters<Ctx['send']>[2]; payload: unknown },
): Call {
  const build = (identity: string): { spec: SpecOf<'send'>; declared: unknown } => {
    const payloadJson = encodePayload(payload) ?? 'null'
    const title = checkTitle(event.name, 'event')
    const target =
      'run' in to
        ? { run: checkTitle(to.run, 'run') }
        : { key: checkText(to.key, 'key'), broadcast: to.broadcast === true }
    const eventId = digitsOf(site.hash, `event\n${site.runId}\n${identity}`, DERIVED_DIGITS)
    const spec = { kind: 'send', name, event: title, to: target, payloadJson, eventId } as const
    return { spec, declared: [title, target, payloadJson] }
  }
  return call(site, { kind: 'send', name, build })
}

interface CallParts {
  readonly kind: Call['kind']
  readonly name: string
  readonly key?: string | undefined
  readonly compensate?: Compensate | undefined
  build(identity: string): { readonly spec: OperationSpec; readonly declared: unknown }
}

function call({ scope, isShielded }: Site, { kind, name, key, compensate, build }: CallParts): Call {
  const checked = (identity: string): ReturnType<Call['build']> => {
    if (checkName(name, 'name') === '') throw refused('a name is not empty')
    if (key !== undefined) checkName(key, 'key')
    return build(identity)
  }
  const text = key === undefined ? undefined : String(key)
  return { scope, isShielded, kind, name: String(name), key: text, compensate, build: checked }
}

/** Fills in WORKFLOWS 13. */
export function retryPolicy(step: string, retry: Retry | false | undefined): RetryPolicy {
  const { attempts = ATTEMPTS_DEFAULT, first, factor = RETRY_FACTOR, max, jitter = true, when } = retry || {}
  if (!(Number.isInteger(attempts) && attempts >= 1 && attempts <= ATTEMPTS_MAX)) {
    throw refused(`retry.attempts is a whole number from 1 to ${ATTEMPTS_MAX}, not ${String(attempts)}`)
  }
  if (!(factor >= 1 && Number.isFinite(factor))) throw refused(`retry.factor is at least 1, not ${String(factor)}`)
  return {
    attempts: retry === false ? 1 : attempts,
    firstMs: first === undefined ? RETRY_FIRST_MS : parseDuration(first),
    factor,
    waitMsMax: max === undefined ? RETRY_WAIT_MS_MAX : parseDuration(max),
    jitter,
    when: when === undefined ? undefined : (error) => when(stepErrorOf(step, error)),
  }
}

/** A name or a key as it may be. Throws `argument_invalid`. */
export function checkName(name: unknown, what: string): string {
  if (typeof name === 'string' && name.length <= NAME_CHARACTERS_MAX) return name
  throw refused(`a ${what} is a text of at most ${NAME_CHARACTERS_MAX} characters`)
}

/** A text that is stored as it is: a database gives back no half of a surrogate pair, and nothing behind a NUL. */
export function checkText(text: unknown, what: string): string {
  const name = checkName(text, what)
  if (isKeptWhole(name)) return name
  throw refused(`a ${what} is well-formed text without NUL: half of a surrogate pair would not come back as it was`)
}

/** The name of a member of an object that clients read: most parsers lose `__proto__`. */
export function checkMember(text: unknown): string {
  if (text !== '__proto__') return checkText(text, 'key')
  throw refused('a key is not "__proto__", which clients would lose')
}

/** The name of something that the host knows. */
function checkTitle(text: unknown, what: string): string {
  if (text !== '') return checkText(text, `name of a ${what}`)
  throw refused(`the name of a ${what} is not empty`)
}

function checkFunction<F>(run: F): F {
  if (typeof run === 'function') return run
  throw refused('an operation needs a function')
}

function checkOptional<F>(run: F | undefined): F | undefined {
  return run === undefined ? undefined : checkFunction(run)
}

function refused(message: string): TenaxError {
  return new TenaxError('argument_invalid', message)
}

/** A bound value in a hash: JSON, with words for what JSON does not tell apart. */
function shownArgument(value: unknown): unknown {
  if (typeof value === 'bigint') return { bigint: String(value) }
  if (value instanceof Uint8Array) return { bytes: [...value] }
  return value ?? null
}
