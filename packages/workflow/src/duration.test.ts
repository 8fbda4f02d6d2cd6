import { expect, test } from 'vitest'
import type { Duration } from './api.ts'
import { parseDuration } from './duration.ts'
import { DURATION_MS_MAX } from './limits.ts'

test('a duration is milliseconds, or a number with a unit', () => {
  const durations: readonly Duration[] = [0, 1.4, '250ms', '30s', '5m', '1.5h', '14d', '2w', DURATION_MS_MAX]
  const ms = [0, 1, 250, 30_000, 300_000, 5_400_000, 1_209_600_000, 1_209_600_000, DURATION_MS_MAX]
  expect(durations.map(parseDuration)).toEqual(ms)
})

test('what is no duration is refused', () => {
  for (const wrong of [
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '101000w',
    '',
    '5',
    '5 s',
    '-5s',
    '1e3s',
    '5y',
    null,
    {},
  ])
    expect(() => parseDuration(wrong as never)).toThrow(expect.objectContaining({ code: 'argument_invalid' }))
})

/** In the message, since a body meets no hints. */
const WRITE =
  "write milliseconds from 0 to 100 years, or a number with a unit, such as '250ms', '30s', '5m', '12h', '14d' or '2w'"

test('a refusal shows what was given', () => {
  const shown = (wrong: unknown) => {
    try {
      return parseDuration(wrong as never)
    } catch (error) {
      return (error as Error).message
    }
  }
  const given = [Number.NaN, Number.NEGATIVE_INFINITY, -1, '', '1 day', undefined, 5n, Symbol('s'), Object.create(null)]
  const texts = ['NaN', '-Infinity', '-1', '""', '"1 day"', 'undefined', '5', 'Symbol(s)', 'an object']
  expect(given.map(shown)).toEqual(texts.map((text) => `${text} is not a duration: ${WRITE}`))
})
