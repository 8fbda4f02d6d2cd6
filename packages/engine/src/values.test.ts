/** What a run may keep: lengths, numbers and times. */
import { workflow } from '@tenax/workflow'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ACME, hostMaker } from './fixtures/test-bed.ts'

const open = hostMaker()
const input = z.object({})

test('the progress of an attempt is as long as a payload at most: beyond, the step gets a typed error', async () => {
  const told: string[] = []
  const long = workflow({ name: 'long', input }, (ctx) =>
    ctx.step(
      'work',
      ({ progress, last, number }) => {
        told.push(`${number} ${last}`)
        if (number === 1) progress('some')
        if (number > 1) progress('x'.repeat(2 ** 21))
        throw new Error('again')
      },
      { retry: { attempts: 3, first: 1, jitter: false } },
    ),
  )
  const host = await open({ workflows: [long] })
  await host.start('long', {}, 'one')
  expect(await host.ended('one')).toMatchObject({ status: 'failed', error: { code: 'payload_too_large' } })
  expect(told).toEqual(['1 undefined', '2 some', '3 some'])
})

test.each([
  ['9007199254740993', 'unserialisable', 'column "v" holds a whole number beyond 2^53'],
  ["x'00ff'", 'unserialisable', 'column "v" holds a BLOB'],
])('a result of `sql` that JSON cannot hold says what to select instead: %s', async (value, code, message) => {
  const read = workflow({ name: 'read', input }, (ctx) => ctx.sql('read', [{ sql: `SELECT ${value} AS v` }]))
  const host = await open({ workflows: [read] })
  await host.start('read', {}, 'one')
  const { status, error } = await host.ended('one')
  expect([status, error?.code]).toEqual(['failed', code])
  expect(error?.message).toContain(message)
  expect(error?.message).toMatch(/select (CAST\("v" AS TEXT\)|hex\("v"\))/)
})

test('no run starts before it was made', async () => {
  const quick = workflow({ name: 'quick', input }, async () => 1)
  const host = await open({ workflows: [quick] })
  for (let count = 0; count < 30; count += 1) await host.start('quick', {}, `r${count}`)
  for (const { id } of (await host.workflows.list(ACME)).runs) await host.ended(id)
  const late = await host.sql(
    'SELECT id FROM tenax_run WHERE started_at_ms < created_at_ms OR created_at_ms < start_at_ms',
  )
  expect(late).toEqual([])
})
