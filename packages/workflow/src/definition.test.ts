import { TenaxError } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { event, ref, workflow } from './definition.ts'
import { parseInput, parsePayload } from './input.ts'

const input = z.object({ name: z.string(), lines: z.array(z.object({ price: z.number() })).default([]) })
const body = async () => 1

test('a definition is a frozen value that nothing registers', () => {
  const defined = workflow({ name: 'greet', input, deadline: '1d' }, body)
  expect(defined).toEqual({ name: 'greet', at: 'embedded', def: { name: 'greet', input, deadline: '1d' }, body })
  expect([Object.isFrozen(defined), Object.isFrozen(defined.def)]).toEqual([true, true])
  expect(workflow({ name: 'away', input, at: 'anywhere' }, body).at).toBe('anywhere')
  expect(ref('agent')).toEqual({ name: 'agent' })
  expect(event('paid', input).name).toBe('paid')
})

test('a definition that is wrong is refused where it is made', () => {
  for (const define of [
    () => workflow({ name: '', input }, body),
    () => workflow({ name: 'x'.repeat(256), input }, body),
    () => workflow({ name: 'a', input: {} as never }, body),
    () => workflow({ name: 'a', input: undefined as never }, body),
    () => workflow({ name: 'a', input }, undefined as never),
    () => workflow({ name: 'a', input, retention: 'long' as never }, body),
    () => event(5 as never, input),
    () => event('a', {} as never),
    () => ref(''),
  ])
    expect(define).toThrow(expect.objectContaining({ code: 'argument_invalid' }))
})

const greet = workflow({ name: 'greet', input }, body)

async function refusalOf(parsing: Promise<unknown>): Promise<TenaxError> {
  const error = await parsing.catch((thrown: unknown) => thrown)
  if (error instanceof TenaxError) return error
  throw new Error('it was not refused')
}

test('an input is stored as what its schema gives back', async () => {
  expect(await parseInput(greet, { name: 'Ann', more: 1 })).toBe('{"name":"Ann","lines":[]}')
  const optional = workflow({ name: 'a', input: z.string().optional() }, body)
  expect(await parseInput(optional, undefined)).toBeUndefined()
})

test('an invalid input names each issue and its place', async () => {
  const { code, message, details } = await refusalOf(parseInput(greet, { lines: [{ price: 'x' }] }))
  expect([code, message]).toEqual(['input_invalid', expect.stringContaining('"greet" is invalid at name: ')])
  expect(message).toContain('and 1 more')
  expect(details).toMatchObject({ issues: [{ path: ['name'] }, { path: ['lines', 0, 'price'] }] })
  expect((await refusalOf(parseInput(greet, 5))).message).toContain('"greet" is invalid: ')
})

test('a schema may name its paths as it likes, and may give back what JSON cannot hold', async () => {
  const issues = [{ message: 'no', path: [{ key: 'a' }, 1, Symbol('s')] }]
  const odd = { '~standard': { version: 1, vendor: 'x', validate: async () => ({ issues }) } } as const
  const { details } = await refusalOf(parseInput(workflow({ name: 'a', input: odd }, body), 1))
  expect(details).toEqual({ issues: [{ message: 'no', path: ['a', 1, 'Symbol(s)'] }] })
  const silent = { '~standard': { version: 1, vendor: 'x', validate: () => ({ issues: [] }) } } as const
  const { message } = await refusalOf(parseInput(workflow({ name: 'a', input: silent }, body), 1))
  expect(message).toContain('gives no reason')
  const big = workflow({ name: 'a', input: z.bigint() }, body)
  expect((await refusalOf(parseInput(big, 1n))).details).toMatchObject({ issues: [{ path: [] }] })
})

test('a payload is checked where its definition has a schema', async () => {
  expect(await parsePayload(event('paid', z.object({ yes: z.boolean() })), { yes: true })).toBe('{"yes":true}')
  expect(await parsePayload({ name: 'paid' }, { any: 1 })).toBe('{"any":1}')
  const { code, message } = await refusalOf(parsePayload(event('paid', z.string()), 1))
  expect([code, message]).toEqual(['input_invalid', expect.stringContaining('event "paid"')])
  expect((await refusalOf(parsePayload({ name: 'paid' }, 1n))).code).toBe('input_invalid')
})

test('a schema that throws refuses the input, so that a body that gave it to a child hears of it', async () => {
  const input = z.unknown().refine(() => JSON.parse('{'))
  const { code, details } = await refusalOf(parseInput(workflow({ name: 'a', input }, body), 1))
  expect(code).toBe('input_invalid')
  expect(details).toMatchObject({ issues: [{ path: [], message: expect.stringContaining('the schema threw: ') }] })
})
