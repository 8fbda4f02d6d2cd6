import { expect, test } from 'vitest'
import { JSON_DEPTH_MAX, PAYLOAD_BYTES_MAX } from '../limits.ts'
import { encodeJson, isTooDeep, isTooLong } from './json.ts'

const nested = (levels: number) => `${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`

test('JSON may be nested so deep, and no deeper', () => {
  expect([isTooDeep(nested(JSON_DEPTH_MAX)), isTooDeep(nested(JSON_DEPTH_MAX + 2))]).toEqual([false, true])
  expect(encodeJson(JSON.parse(nested(JSON_DEPTH_MAX)))).toBe(nested(JSON_DEPTH_MAX))
  expect(() => encodeJson(JSON.parse(nested(JSON_DEPTH_MAX + 2)))).toThrow(/nested more than 500 levels/)
})

test('brackets beside each other, or in texts, are no depth', () => {
  const many = JSON_DEPTH_MAX * 3
  const texts = ['['.repeat(many), '\\"{['.repeat(many), '\\\\'.repeat(many), `"${'{'.repeat(many)}`]
  for (const value of [texts, Array.from({ length: many }, () => [{}])]) {
    expect(isTooDeep(JSON.stringify(value))).toBe(false)
  }
})

test('the length of JSON is that of its bytes', () => {
  const texts = [PAYLOAD_BYTES_MAX / 4, PAYLOAD_BYTES_MAX / 2, PAYLOAD_BYTES_MAX / 2 + 1].map((count) =>
    'é'.repeat(count),
  )
  expect(texts.map(isTooLong)).toEqual([false, false, true])
  expect([isTooLong('x'.repeat(PAYLOAD_BYTES_MAX)), isTooLong('x'.repeat(PAYLOAD_BYTES_MAX + 1))]).toEqual([
    false,
    true,
  ])
})
