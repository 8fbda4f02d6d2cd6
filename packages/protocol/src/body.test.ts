import { isTenaxError, type TenaxError } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { jsonPointer, parseBody, parseSearchParams } from './body.ts'
import { BODY_ISSUES_MAX } from './limits.ts'

function refusalOf(run: () => unknown): TenaxError {
  try {
    run()
  } catch (error) {
    if (isTenaxError(error)) return error
    throw error
  }
  throw new Error('was accepted')
}

test('a body comes back without its unknown members', () => {
  expect(parseBody(z.object({ id: z.string() }), { id: 'acme', later: true })).toEqual({ id: 'acme' })
})

test('a refusal is body_invalid and points at each wrong member', () => {
  const schema = z.object({ a: z.array(z.object({ 'x/y': z.string() })), b: z.int() })
  const refusal = refusalOf(() => parseBody(schema, { a: [{ 'x/y': 1 }], b: 1.5 }))
  expect(refusal.code).toBe('body_invalid')
  expect(refusal.details['issues']).toMatchObject([{ path: '/a/0/x~1y' }, { path: '/b' }])
})

test('a refusal inside a union names the reason of the branch that was meant', () => {
  const schema = z.union([z.array(z.string().max(2)), z.record(z.string(), z.string())])
  const refusal = refusalOf(() => parseBody(schema, ['ok', 'long']))
  expect(refusal.details['issues']).toMatchObject([{ path: '/1' }])
})

test('a refusal names a limited number of issues', () => {
  const refusal = refusalOf(() => parseBody(z.array(z.string()), Array(50).fill(0)))
  expect(refusal.details['issues']).toHaveLength(BODY_ISSUES_MAX)
})

test.each([undefined, null, 'text', 5, []])('a body %j in place of an object is refused', (body) => {
  expect(refusalOf(() => parseBody(z.object({}), body)).details['issues']).toMatchObject([{ path: '' }])
})

test('a wrong query string is argument_invalid', () => {
  const refusal = refusalOf(() => parseSearchParams(z.object({ n: z.literal('1') }), new URLSearchParams('n=2')))
  expect(refusal.code).toBe('argument_invalid')
})

test('jsonPointer() escapes ~ before /', () => {
  expect(jsonPointer(['~1', '/', 0])).toBe('/~01/~1/0')
})
