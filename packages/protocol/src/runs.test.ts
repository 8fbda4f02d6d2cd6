import { isTenaxError } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { parseBody, parseSearchParams } from './body.ts'
import { queryBodySchema } from './query.ts'
import {
  listRunsQuerySchema,
  rerunBodySchema,
  runResultQuerySchema,
  sendEventBodySchema,
  startRunBodySchema,
} from './runs.ts'
import { durabilityQuerySchema } from './tenants.ts'

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (isTenaxError(error)) return error.code
    throw error
  }
  return 'nothing'
}

test('a start needs nothing but the workflow, and takes all that it may say', () => {
  expect(parseBody(startRunBodySchema, { workflow: 'trial' })).toEqual({ workflow: 'trial' })
  const whole = { workflow: 'trial', input: { a: [1] }, id: 'r-1', idempotencyKey: 'k', priority: -100 }
  const startAt = '2026-11-22T13:30:45.412+01:00'
  expect(parseBody(startRunBodySchema, { ...whole, startAt })).toEqual({ ...whole, startAt })
})

test.each([
  ['no workflow', {}],
  ['an empty name', { workflow: '' }],
  ['a name that is too long', { workflow: 'a'.repeat(256) }],
  ['an id that is too long', { workflow: 'a', id: 'a'.repeat(129) }],
  ['an empty key', { workflow: 'a', idempotencyKey: '' }],
  ['a time without a zone', { workflow: 'a', startAt: '2026-11-22T13:30:45' }],
  ['a time in milliseconds', { workflow: 'a', startAt: 1_700_000_000_000 }],
  ['a priority beyond 100', { workflow: 'a', priority: 101 }],
  ['a priority that is no whole number', { workflow: 'a', priority: 0.5 }],
])('a start with %s is body_invalid', (_what, body) => {
  expect(codeOf(() => parseBody(startRunBodySchema, body))).toBe('body_invalid')
})

test('a time before 1970 is refused as the member that has it', () => {
  const startAt = '1969-12-31T23:59:59Z'
  expect(() => parseBody(startRunBodySchema, { workflow: 'a', startAt })).toThrow('/startAt: it is 1970 or later')
})

test.each([{}, { name: '' }, { name: 7 }, { name: 'a', id: '' }, { name: 'a', run: 'r'.repeat(129) }])(
  'the event %j is body_invalid',
  (body) => {
    expect(codeOf(() => parseBody(sendEventBodySchema, body))).toBe('body_invalid')
  },
)

test('the list and the wait have their defaults and their limits', () => {
  const list = (text: string) => parseSearchParams(listRunsQuerySchema, new URLSearchParams(text))
  const wait = (text: string) => parseSearchParams(runResultQuerySchema, new URLSearchParams(text))
  expect(list('')).toEqual({ limit: 50 })
  expect(list('limit=500&status=failed&workflow=trial&cursor=x')).toMatchObject({ limit: 500, status: 'failed' })
  expect(wait('')).toEqual({ timeout_ms: 20_000 })
  expect(wait('timeout_ms=0')).toEqual({ timeout_ms: 0 })
  for (const text of ['limit=0', 'limit=501', 'limit=x', 'status=warm', 'cursor=']) {
    expect(
      codeOf(() => list(text)),
      text,
    ).toBe('argument_invalid')
  }
  for (const text of ['timeout_ms=30001', 'timeout_ms=-1', 'timeout_ms=1s']) {
    expect(
      codeOf(() => wait(text)),
      text,
    ).toBe('argument_invalid')
  }
})

test.each(['-1', '30001', '1s', '1.5', '1e3', '99999999999', ''])('a wait of %j is told what is allowed', (given) => {
  const allowed = expect.objectContaining({
    code: 'argument_invalid',
    message: expect.stringContaining('/timeout_ms: a whole number from 0 to 30000'),
  })
  for (const schema of [runResultQuerySchema, durabilityQuerySchema]) {
    expect(() => parseSearchParams(schema, new URLSearchParams({ timeout_ms: given }))).toThrow(allowed)
  }
})

test('a member __proto__, which a record would lose, is refused by its name', () => {
  const refused = expect.objectContaining({
    code: 'body_invalid',
    message: expect.stringMatching(/: \/(results|args)\/__proto__: no member can have this name$/),
  })
  const results = JSON.parse('{"results":{"a#1":1,"__proto__":1}}')
  expect(() => parseBody(rerunBodySchema, results)).toThrow(refused)
  const args = JSON.parse('{"sql":"select :a","args":{"a":1,"__proto__":1}}')
  expect(() => parseBody(queryBodySchema, args)).toThrow(refused)
  const inside = JSON.parse('{"results":{"a#1":{"__proto__":1}}}')
  expect(JSON.stringify(parseBody(rerunBodySchema, inside))).toBe(JSON.stringify(inside))
})
