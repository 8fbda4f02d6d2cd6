/** What is documented of workflows is what the code says. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { order } from './fixtures/order.ts'
import { type RunHistory, testTenant } from './testing.ts'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
const section = (page: string, heading: string) =>
  read(`../../../docs/reference/${page}`).split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
const blocks = (text: string) => [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = '']) => block)
/** Without indents and line ends, which differ between a page and an interface. */
const words = (text: string) => text.replace(/\s+/g, ' ').trim()

test('the signatures in docs/reference/workflows.md are those of the API, to the letter', () => {
  const [declared = '', example] = blocks(section('workflows.md', 'Signatures'))
  const api = words(read('../../workflow/src/api.ts'))
  const signatures = declared.split(/\n{2,}/)
  for (const signature of signatures) expect(api).toContain(words(signature))
  for (const name of ['map', 'mapSettled', 'all', 'race', 'shielded', 'compensate?', 'interface Limits', 'key?'])
    expect(declared).toMatch(new RegExp(`\\b${name.replace('?', '\\?')}[<(]`))
  expect(example).toBe(read('fixtures/order.ts'))
})

test('the example beside them gives back what was reserved, the last one first', async () => {
  await using t = await testTenant({ workflows: [order] })
  const run = await t.start(order, { id: 'o-1', parts: ['a', 'bc'] })
  await t.advance('4d')
  const { status, steps } = await t.run(run)
  expect(status).toBe('failed')
  expect(
    steps.flatMap(({ identity, result }) => (identity.startsWith('compensate') ? [[identity, result]] : [])),
  ).toEqual([
    ['compensate[part%231%5bbc%5d%2freserve%231]/release#1', { freed: 2 }],
    ['compensate[part%231%5ba%5d%2freserve%231]/release#1', { freed: 1 }],
  ])
})

const RUN: Readonly<Record<keyof RunHistory['run'], true>> = {
  ...{ id: true, workflow: true, version: true, status: true, seed: true, startedAtMs: true, inputJson: true },
  ...{ predecessor: true, origin: true, isCancelRequested: true, cancelledAfter: true, outputCount: true },
  ...{ patches: true, skipped: true },
}
const OPERATION: Readonly<Record<keyof RunHistory['operations'][number], true>> = {
  ...{ seq: true, identity: true, kind: true, hash: true, completion: true, isDropped: true, isUndone: true },
  performedBy: true,
}

test('docs/reference/testing.md names every member of a history', () => {
  const text = section('testing.md', 'Code against records: `checkReplay`')
  for (const name of [...Object.keys(RUN), ...Object.keys(OPERATION)]) expect(text).toContain(`\`${name}\``)
})
