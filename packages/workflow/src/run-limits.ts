/** Which slots and which singleton a run is under: the keys that a definition makes of its input, once, when it is accepted. */
import { isKeptWhole, messageOf, TenaxError } from '@tenax/kernel'
import type { Limits, Workflow } from './api.ts'
import { decodeJson } from './core/json.ts'
import { CONCURRENCY_MAX, NAME_CHARACTERS_MAX } from './limits.ts'

/** What a run keeps of the limits of its workflow. A limit without a key function has the empty key. */
export interface RunLimits {
  /** Runs of one workflow and key share its slots. `active`: held while the run works; `run`: from its first turn to its end. */
  readonly concurrency?: { readonly key: string; readonly holds: 'active' | 'run' }
  readonly singleton?: { readonly key: string; readonly onConflict: 'existing' | 'cancel_other' | 'reject' }
}

/**
 * The limits of a run with this input; undefined when its workflow has none.
 *
 * @throws TenaxError `limit_key_invalid` when a key function throws, or gives something else than a text of 1 to 255 characters
 * @example
 * const limits = limitsOf(greet, '{"name":"Ann"}')
 */
export function limitsOf(
  workflow: Pick<Workflow, 'name' | 'def'>,
  inputJson: string | undefined,
): RunLimits | undefined {
  const { concurrency, singleton } = workflow.def.limits ?? {}
  if (concurrency === undefined && singleton === undefined) return undefined
  const keyOf = (what: keyof Limits<unknown>, key: ((input: never) => unknown) | undefined): string =>
    key === undefined
      ? ''
      : checkedKey(`${what} of workflow "${workflow.name}"`, () => key(decodeJson(inputJson) as never))
  return {
    ...(concurrency === undefined
      ? {}
      : { concurrency: { key: keyOf('concurrency', concurrency.key), holds: concurrency.holds ?? 'active' } }),
    ...(singleton === undefined
      ? {}
      : { singleton: { key: keyOf('singleton', singleton.key), onConflict: singleton.onConflict } }),
  }
}

function checkedKey(what: string, make: () => unknown): string {
  let key: unknown
  try {
    key = make()
  } catch (error) {
    throw invalidKey(`the key function of the ${what} threw: ${messageOf(error)}`)
  }
  if (typeof key === 'string' && key.length >= 1 && key.length <= NAME_CHARACTERS_MAX && isKeptWhole(key)) return key
  throw invalidKey(
    `the key of the ${what} is no well-formed text of 1 to ${NAME_CHARACTERS_MAX} characters without NUL`,
  )
}

function invalidKey(message: string): TenaxError {
  return new TenaxError('limit_key_invalid', message, { hint: 'give a key for every input that the schema accepts' })
}

const HOLDS: readonly unknown[] = [undefined, 'active', 'run']
const ON_CONFLICT: readonly unknown[] = ['existing', 'cancel_other', 'reject']

/** Throws TenaxError `argument_invalid` for limits that make no sense. */
export function checkLimits(name: string, limits: Limits<never> | undefined): void {
  const { concurrency, singleton } = limits ?? {}
  const refuse = (what: string): never => {
    throw new TenaxError('argument_invalid', `workflow "${name}": ${what}`)
  }
  if (concurrency !== undefined) {
    const { max, holds } = concurrency
    if (!(Number.isInteger(max) && max >= 1 && max <= CONCURRENCY_MAX)) {
      refuse(`concurrency.max is a whole number from 1 to ${CONCURRENCY_MAX}`)
    }
    if (!HOLDS.includes(holds)) refuse("concurrency.holds is 'active' or 'run'")
  }
  if (singleton !== undefined && !ON_CONFLICT.includes(singleton.onConflict)) {
    refuse("singleton.onConflict is 'existing', 'cancel_other' or 'reject'")
  }
  for (const limit of [concurrency, singleton]) {
    if (limit?.key !== undefined && typeof limit.key !== 'function')
      refuse('the key of a limit is a function of the input')
  }
}
