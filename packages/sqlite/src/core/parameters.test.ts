import { isTenaxError } from '@tenax/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { libsqlDriver } from '../index.ts'
import { bindValues, readParameters } from './parameters.ts'
import { tokenize } from './tokens.ts'

const parameters = (text: string) => readParameters(tokenize(text))
const db = libsqlDriver.open(':memory:')

describe('readParameters', () => {
  const variable = fc.oneof(
    fc.constant('?'),
    fc.integer({ min: 1, max: 40 }).map((number) => `?${number}`),
    fc.constantFrom(':a', ':b', '@a', '@b', '$a', '$b', '$a::b', '$a(x)', ':A', ':é', '?007'),
  )

  it('numbers any mix of variables as the engine does', () => {
    fc.assert(
      fc.property(fc.array(variable, { minLength: 1, maxLength: 20 }), (variables) => {
        const text = `SELECT ${variables.join(', ')}`
        const { names, numbers } = parameters(text)
        const values = names.map((_, index) => BigInt(index + 1))
        expect(numbers.map(BigInt)).toEqual(db.prepare(text).get(values))
      }),
      { numRuns: 2_000 },
    )
  })

  it('names belong to their numbers, and gaps have none', () => {
    expect(parameters('SELECT ?3, :a, ?, :a')).toEqual({ names: [null, null, '?3', ':a', null], numbers: [3, 4, 5, 4] })
  })

  it.each(['?32767', '?99999999999'])('%s is above the limit', (text) => {
    expect(() => parameters(`SELECT ${text}`)).toThrow('above 32766')
    expect(() => db.prepare(`SELECT ${text}`)).toThrow()
  })

  it('?0 is left to the engine, which refuses it', () => {
    expect(parameters('SELECT ?0').numbers).toEqual([1])
    expect(() => db.prepare('SELECT ?0')).toThrow('variable number')
  })
})

describe('bindValues', () => {
  const bind = (text: string, positional: (bigint | null)[], named: Record<string, bigint> = {}) =>
    bindValues(parameters(text), { positional, named: Object.entries(named).map(([name, value]) => ({ name, value })) })
  const codeOf = (body: () => unknown) => {
    try {
      body()
    } catch (error) {
      return isTenaxError(error) ? error.code : error
    }
    return 'no error'
  }

  it('binds by position and by name, with the prefix or without', () => {
    expect(bind('SELECT ?, ?', [1n, null])).toEqual([1n, null])
    expect(bind('SELECT :a, @b, $c', [], { ':a': 1n, b: 2n, $c: 3n })).toEqual([1n, 2n, 3n])
    expect(bind('SELECT ?2', [1n, 2n])).toEqual([1n, 2n])
  })

  it('a name wins where both are given', () => {
    expect(bind('SELECT :a, ?', [1n, 2n], { a: 3n })).toEqual([3n, 2n])
  })

  it.each([
    ['too few values', 'SELECT ?', [], {}],
    ['too many values', 'SELECT ?', [1n, 2n], {}],
    ['an unknown name', 'SELECT :a', [], { b: 1n }],
    ['a missing name', 'SELECT :a, :b', [], { a: 1n }],
    ['2^63', 'SELECT ?', [2n ** 63n], {}],
    ['-2^63 - 1', 'SELECT ?', [-(2n ** 63n) - 1n], {}],
  ])('%s is argument_invalid', (_, text, positional, named) => {
    expect(codeOf(() => bind(text, positional, named))).toBe('argument_invalid')
  })

  it('all parameters up to SQLite’s limit bind', () => {
    const text = `SELECT ${Array.from({ length: 2_000 }, () => '?').join(',')}`
    const values = bind(
      text,
      Array.from({ length: 2_000 }, (_, index) => BigInt(index)),
    )
    expect(db.prepare(text).get(values)).toEqual(values)
  })
})
