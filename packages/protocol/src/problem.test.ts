import { ERROR_KINDS, type ErrorCode, InvariantError, TenaxError } from '@tenax/kernel'
import { describe, expect, test } from 'vitest'
import { hranaErrorSchema, problemSchema, toHranaError, toHranaProblem, toProblem } from './problem.ts'

const unique = new TenaxError('sql_error', 'UNIQUE constraint failed: t.a', {
  details: { sqliteCode: 'SQLITE_CONSTRAINT_UNIQUE' },
})

describe('toProblem()', () => {
  test('answers status, code, hint and details', () => {
    const error = new TenaxError('tenant_exists', 'there is a tenant "acme"', {
      hint: 'choose',
      details: { id: 'acme' },
    })
    expect(toProblem(error)).toEqual({
      status: 409,
      headers: { 'content-type': 'application/problem+json' },
      body: {
        type: 'https://tenax.dev/errors/tenant_exists',
        title: 'The request conflicts with the present state',
        status: 409,
        detail: 'there is a tenant "acme"',
        code: 'tenant_exists',
        hint: 'choose',
        id: 'acme',
      },
    })
  })

  test.each(Object.keys(ERROR_KINDS) as ErrorCode[])('%s has a status of failure and a valid body', (code) => {
    const { status, body } = toProblem(new TenaxError(code, 'text'))
    expect(status).toBeGreaterThanOrEqual(400)
    expect(problemSchema.parse(body)).toMatchObject({ status, code })
  })

  test.each([
    new Error('ENOENT: /srv/data/x.db'),
    new InvariantError('page 7 of /srv/data/x.db'),
    new TenaxError('internal', '/srv/data/x.db'),
    '/srv/data/x.db',
    undefined,
    { code: 'tenant_exists', kind: 'conflict' },
  ])('%s is internal and says nothing of itself', (error) => {
    const { status, body } = toProblem(error)
    expect([status, body.code]).toEqual([500, 'internal'])
    expect(JSON.stringify([body, toHranaError(error), toHranaProblem(error)])).not.toContain('srv')
  })

  test('details cannot replace the standard members, nor break the answer', () => {
    const details = { status: 200, code: 'fine', detail: 'x', lsn: 2n ** 60n }
    const { body } = toProblem(new TenaxError('outcome_unknown', 'text', { details }))
    expect(JSON.parse(JSON.stringify(body))).toMatchObject({
      status: 503,
      code: 'outcome_unknown',
      detail: 'text',
      lsn: '1152921504606846976',
    })
  })

  test('a caller learns when to try again, and how to log in', () => {
    expect(toProblem(new TenaxError('overloaded', '')).headers['retry-after']).toBe('1')
    expect(toProblem(new TenaxError('unavailable', '')).headers['retry-after']).toBe('1')
    expect(toProblem(new TenaxError('unauthorized', '')).headers['www-authenticate']).toContain('Bearer')
  })
})

describe('toHranaError()', () => {
  test("says SQLite's primary code, and the extended one beside it", () => {
    expect(toHranaError(unique)).toEqual({
      message: 'UNIQUE constraint failed: t.a',
      code: 'SQLITE_CONSTRAINT',
      extended_code: 'SQLITE_CONSTRAINT_UNIQUE',
    })
    const busy = new TenaxError('sql_error', 'busy', { details: { sqliteCode: 'SQLITE_BUSY' } })
    expect(toHranaError(busy)).toEqual({ message: 'busy', code: 'SQLITE_BUSY' })
  })

  test('says SQLITE_AUTH for refused SQL, and else our code in upper case', () => {
    expect(toHranaError(new TenaxError('sql_refused', 'no')).code).toBe('SQLITE_AUTH')
    expect(toHranaError(new TenaxError('query_timeout', 'slow')).code).toBe('QUERY_TIMEOUT')
    expect(toHranaError(new Error('x')).code).toBe('INTERNAL')
  })
})

test('toHranaProblem() answers plain JSON that the stock client reads', () => {
  const { status, headers, body } = toHranaProblem(new TenaxError('baton_invalid', 'stale baton'))
  expect([status, headers['content-type']]).toEqual([400, 'application/json'])
  expect(body).toEqual({ message: 'stale baton', code: 'BATON_INVALID', error: 'stale baton' })
  expect(hranaErrorSchema.parse(body)).toEqual({ message: 'stale baton', code: 'BATON_INVALID' })
})
