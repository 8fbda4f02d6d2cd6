/**
 * What nobody should send or write, over HTTP: each comes to its own typed error, and neither other runs of the tenant nor
 * its neighbours notice. A body that never yields is not here: nothing in its process can interrupt it (WORKFLOWS 29).
 */
import { problemSchema, runResultSchema, runSchema } from '@tenax/protocol'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { createTenants, type HostBed, openHost, rowsOf, send } from './fixtures/host-bed.ts'
import { approve, approved, greet } from './fixtures/workflows.ts'
import { workflow } from './index.ts'

const OVER_A_MIB = 'x'.repeat(1_048_577)
const once = { retry: false } as const
const input = z.unknown()

const cyclic: Record<string, unknown> = {}
cyclic['self'] = cyclic

/** What a step or a body comes to, by name: none of it can be kept. */
const UNFIT: Readonly<Record<string, unknown>> = { bigint: 1n, function: () => 1, cycle: cyclic, long: OVER_A_MIB }

const unfitStep = workflow({ name: 'unfit step', input: z.object({ is: z.string() }) }, async (ctx, { is }) => {
  await ctx.step('make', () => UNFIT[is], once)
})
const unfitOutput = workflow(
  { name: 'unfit output', input: z.object({ is: z.string() }) },
  async (_ctx, { is }) => UNFIT[is],
)
const unfitTx = workflow({ name: 'unfit tx', input }, async (ctx) => {
  await ctx.tx('make', () => 1n)
})
const throwsText = workflow({ name: 'throws text', input }, async (ctx) => {
  await ctx.step('throw', () => Promise.reject('just a text'), once)
})
const throwsNothing = workflow({ name: 'throws nothing', input }, () => Promise.reject(undefined))
const careless = workflow({ name: 'careless', input }, async (ctx) => {
  void ctx.step('fail', () => Promise.reject(new Error('nobody hears this')), once)
  await ctx.sleep('a while', 1)
  return 'done'
})
const childless = workflow({ name: 'childless', input }, async (ctx) => {
  await ctx.child('greet', greet, { name: 7 as never })
})

const WORKFLOWS = [approve, greet, unfitStep, unfitOutput, unfitTx, throwsText, throwsNothing, careless, childless]

let bed: HostBed
beforeAll(async () => {
  bed = await openHost({ workflows: WORKFLOWS, events: [approved] })
  await createTenants(bed, 'acme', 'neighbour')
  for (const id of ['acme', 'neighbour'])
    await started(id, { workflow: 'approve', input: { key: 'k' }, id: 'bystander' })
  await started('acme', { workflow: 'greet', input: { name: 'Ada' }, id: 'ended' })
  expect(await endOf('ended')).toMatchObject({ output: 'Hello Ada' })
})

afterEach(async () => {
  for (const id of ['acme', 'neighbour']) {
    const { json } = await send(bed, `GET /t/${id}/runs/bystander`)
    expect(json).toMatchObject({ status: 'waiting', blockedReason: null, waitsFor: [{ type: 'event' }] })
  }
  const next = await started('acme', { workflow: 'greet', input: { name: 'Lin' } })
  expect(await endOf(next)).toMatchObject({ output: 'Hello Lin' })
  expect(bed.errors).toEqual([])
})

afterAll(async () => {
  for (const id of ['acme', 'neighbour']) {
    await send(bed, `POST /t/${id}/events`, { json: { name: 'approved', key: 'k', payload: { by: 'Ada' } } })
    const { json } = await send(bed, `GET /t/${id}/runs/bystander/result`)
    expect(json).toMatchObject({ status: 'completed', output: { by: 'Ada' } })
  }
  await bed[Symbol.asyncDispose]()
})

async function started(tenant: string, json: object): Promise<string> {
  const reply = await send(bed, `POST /t/${tenant}/runs`, { json })
  expect(reply.status, reply.text).toBe(202)
  return runSchema.parse(reply.json).id
}

async function endOf(run: string) {
  return runResultSchema.parse((await send(bed, `GET /t/acme/runs/${run}/result?timeout_ms=30000`)).json)
}

function countOf(table: string): Promise<unknown> {
  return rowsOf(bed, 'acme', `select count(*) from ${table}`)
}

const NAME_ISSUE = { path: ['name'], message: expect.stringContaining('expected string') }
const BY_ISSUE = { path: ['by'], message: expect.stringContaining('expected string') }

test.each([
  [
    'an unknown workflow',
    'runs',
    { workflow: 'lost' },
    404,
    { code: 'workflow_unknown', workflows: expect.any(Array) },
  ],
  [
    'an input that the schema refuses',
    'runs',
    { workflow: 'greet', input: { name: 7 } },
    400,
    { code: 'input_invalid', issues: [NAME_ISSUE] },
  ],
  ['no input', 'runs', { workflow: 'greet' }, 400, { code: 'input_invalid', issues: [{ path: [] }] }],
  [
    'an input over the limit',
    'runs',
    { workflow: 'greet', input: { name: OVER_A_MIB } },
    413,
    { code: 'payload_too_large' },
  ],
  [
    'an id that is none',
    'runs',
    { workflow: 'greet', input: { name: 'a' }, id: '..' },
    400,
    { code: 'argument_invalid' },
  ],
  [
    'an id that is taken',
    'runs',
    { workflow: 'greet', input: { name: 'other' }, id: 'ended' },
    409,
    { code: 'run_id_reused' },
  ],
  ['a body that is none', 'runs', 'nonsense', 400, { code: 'body_invalid' }],
  [
    'an event for a run that has ended',
    'events',
    { name: 'approved', run: 'ended', payload: { by: 'x' } },
    409,
    { code: 'run_ended' },
  ],
  [
    'an event for a run that is not there',
    'events',
    { name: 'approved', run: 'lost', payload: { by: 'x' } },
    404,
    { code: 'run_not_found' },
  ],
  [
    'a payload that the schema refuses',
    'events',
    { name: 'approved', key: 'k', payload: { by: 7 } },
    400,
    { code: 'input_invalid', issues: [BY_ISSUE] },
  ],
  ['a payload over the limit', 'events', { name: 'other', payload: OVER_A_MIB }, 413, { code: 'payload_too_large' }],
])('%s is refused, and nothing is kept of it', async (_what, route, json, status, problem) => {
  const before = [await countOf('tenax_run'), await countOf('tenax_event')]
  const reply = await send(bed, `POST /t/acme/${route}`, { json })
  expect(reply.status, reply.text).toBe(status)
  expect(problemSchema.parse(reply.json)).toMatchObject(problem)
  expect([await countOf('tenax_run'), await countOf('tenax_event')]).toEqual(before)
})

test.each([
  ['a result that is a bigint', 'unfit step', { is: 'bigint' }, 'unserialisable'],
  ['a result that is a function', 'unfit step', { is: 'function' }, 'unserialisable'],
  ['a result that holds itself', 'unfit step', { is: 'cycle' }, 'unserialisable'],
  ['a result over the limit', 'unfit step', { is: 'long' }, 'payload_too_large'],
  ['an output that is a bigint', 'unfit output', { is: 'bigint' }, 'unserialisable'],
  ['an output over the limit', 'unfit output', { is: 'long' }, 'payload_too_large'],
  ['a row of a tx that JSON cannot hold', 'unfit tx', {}, 'unserialisable'],
  ['a step that throws a text', 'throws text', {}, 'not_an_error'],
  ['a body that throws nothing', 'throws nothing', {}, 'not_an_error'],
  ['an input that the schema of a child refuses', 'childless', {}, 'input_invalid'],
])('%s fails its run', async (what, name, given, code) => {
  const id = what.replaceAll(' ', '-')
  await started('acme', { workflow: name, input: given, id })
  expect(await endOf(id)).toMatchObject({ status: 'failed', error: { code } })
})

test('a failing step that nobody awaits does not fail its run', async () => {
  await started('acme', { workflow: 'careless', id: 'careless' })
  expect(await endOf('careless')).toMatchObject({ status: 'completed', output: 'done' })
})
