/** Failures as they are stored, and as a body meets them. */
import { keptText } from '@tenax/kernel'
import { StepError } from '../errors.ts'
import { MESSAGE_CHARACTERS_MAX } from '../limits.ts'
import type { StoredError } from './history.ts'
import { decodeJson, encodePayload } from './json.ts'

/** The code of a thrown error that names none. */
export const UNNAMED_FAILURE = 'failed'

/** The code of a thrown value that is no Error. */
export const NOT_AN_ERROR = 'not_an_error'

/** Codes of failed steps that may have had their effect all the same: they are compensated (WORKFLOWS 21). */
export const UNKNOWN_OUTCOME_CODES: ReadonlySet<string> = new Set(['step_interrupted', 'step_timeout'])

/**
 * What is stored of anything that was thrown. Its own `code`, `attempts` and `data` are kept where they make sense. Never
 * throws, whatever it is given.
 */
export function storedErrorOf(error: unknown, attempts = 1): StoredError {
  try {
    return read(error, attempts)
  } catch {
    return { code: UNNAMED_FAILURE, message: 'threw an error that cannot be read', attempts }
  }
}

function read(error: unknown, attempts: number): StoredError {
  if (!(error instanceof Error)) {
    return { code: NOT_AN_ERROR, message: `threw ${shown(error)}, which is no Error`, attempts }
  }
  const { code, attempts: own, data } = error as Error & { code?: unknown; attempts?: unknown; data?: unknown }
  const json = data === undefined ? undefined : jsonOrNothing(data)
  return {
    code: typeof code === 'string' && /^\w[\w.-]{0,63}$/.test(code) ? code : UNNAMED_FAILURE,
    message: keptText(String(error.message).slice(0, MESSAGE_CHARACTERS_MAX)),
    attempts: error instanceof StepError && typeof own === 'number' ? own : attempts,
    ...(json === undefined ? {} : { data: json }),
  }
}

/** What a body meets of a stored failure of the operation `step`: the same live and on replay. */
export function stepErrorOf(step: string, { code, message, attempts, data }: StoredError): StepError {
  const options = { step, code, message, attempts }
  return new StepError(data === undefined ? options : { ...options, data: decodeJson(data) as never })
}

/** How many errors deep a failure is looked for. */
const CAUSES_MAX = 8

/** An error and its causes, as far as they can be read. Never throws. */
export function causesOf(error: unknown): object[] {
  const causes: object[] = []
  for (let one = error; typeof one === 'object' && one !== null && causes.length < CAUSES_MAX; one = causeOf(one)) {
    causes.push(one)
  }
  return causes
}

/** Nothing of what cannot be asked, such as a revoked proxy. */
function causeOf(error: object): unknown {
  try {
    return (error as { readonly cause?: unknown }).cause
  } catch {
    return undefined
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : `a value of type ${value === null ? 'null' : typeof value}`
}

/** A failure must not fail to be stored because of what it carries. */
function jsonOrNothing(data: unknown): string | undefined {
  try {
    return encodePayload(data)
  } catch (error) {
    return JSON.stringify({ unserialisable: String(error) })
  }
}
