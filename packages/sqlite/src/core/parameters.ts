/** Parameters of a statement, numbered the way SQLite numbers them (https://www.sqlite.org/lang_expr.html#varparam). */
import { SQL_ARGS_MAX, type SqlValue, TenaxError } from '@tenax/kernel'
import type { Token } from './tokens.ts'

/** Parameters 1 to n of a statement: `names[i]` belongs to parameter i + 1 and is null for `?` and for gaps. */
export interface Parameters {
  readonly names: readonly (string | null)[]
  /** Parameter number of each variable token, in order of the text. */
  readonly numbers: readonly number[]
}

/** Values to bind: by position, by name, or both; a named one wins where both are given. */
export interface Bindings {
  readonly positional: readonly SqlValue[]
  readonly named: readonly { readonly name: string; readonly value: SqlValue }[]
}

/** The parameters that `tokens` ask for. */
export function readParameters(tokens: readonly Token[]): Parameters {
  const names: (string | null)[] = []
  const numbers: number[] = []
  const known = new Map<string, number>()
  for (const token of tokens) {
    if (token.type !== 'variable') continue
    const number = numberOf(token.value, known, names.length)
    if (number > SQL_ARGS_MAX) {
      throw new TenaxError('sql_error', `parameter number above ${SQL_ARGS_MAX}`, {
        details: { sqliteCode: 'SQLITE_ERROR' },
      })
    }
    while (names.length < number) names.push(null)
    if (token.value !== '?') names[number - 1] = token.value
    numbers.push(number)
  }
  return { names, numbers }
}

function numberOf(text: string, known: Map<string, number>, largest: number): number {
  if (text === '?') return largest + 1
  if (text.startsWith('?')) return Math.max(1, Number(text.slice(1)))
  const existing = known.get(text)
  if (existing !== undefined) return existing
  known.set(text, largest + 1)
  return largest + 1
}

/**
 * The values of parameters 1 to n, in order.
 *
 * @throws TenaxError `argument_invalid` when a parameter has no value or a value has no parameter
 */
export function bindValues(parameters: Parameters, bindings: Bindings): SqlValue[] {
  const { names } = parameters
  if (bindings.positional.length > names.length) {
    throw new TenaxError(
      'argument_invalid',
      `the statement takes ${names.length} arguments, not ${bindings.positional.length}`,
    )
  }
  const values: (SqlValue | undefined)[] = names.map((_, index) => bindings.positional[index])
  const indexes = indexesByName(names)
  for (const { name, value } of bindings.named) {
    const index = indexes.get(name)
    if (index === undefined) throw new TenaxError('argument_invalid', `the statement has no parameter "${name}"`)
    values[index] = value
  }
  return values.map((value, index) => valueOrThrow(value, index, names))
}

/** With its prefix and without; where two parameters differ in the prefix only, the bare name is the first one's. */
function indexesByName(names: readonly (string | null)[]): ReadonlyMap<string, number> {
  const indexes = new Map<string, number>()
  for (const [index, name] of names.entries()) {
    if (name === null) continue
    indexes.set(name, index)
    if (!indexes.has(name.slice(1))) indexes.set(name.slice(1), index)
  }
  return indexes
}

function valueOrThrow(value: SqlValue | undefined, index: number, names: readonly (string | null)[]): SqlValue {
  if (value === undefined) {
    const name = names[index] ?? `number ${index + 1}`
    throw new TenaxError('argument_invalid', `parameter ${name} has no value`, { hint: 'give every parameter a value' })
  }
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value) {
    throw new TenaxError('argument_invalid', `parameter number ${index + 1} does not fit 64 bits`)
  }
  return value
}
