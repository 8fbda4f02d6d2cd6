/** `tenax runs history` and `tenax runs check`. */
import { expect, test } from 'vitest'
import { fakeContext, fakeIo } from '../fixtures/fake-context.ts'
import { checkRuns } from './check-command.ts'
import { printHistory } from './history-command.ts'

const REFUSED = { ok: false, code: 'workflow_changed', recorded: 'step "a#1"', asked: 'step "b#1"' } as const
const ENDED = { status: 'completed', endedAt: '2026-11-22T12:00:10.000Z' } as const

async function contextWithRuns(json = false) {
  const context = await fakeContext({ ids: ['acme'], json })
  const { runs } = context.client.tenant('acme')
  for (const id of ['r-1', 'r-2', 'r-3']) await runs.start(id === 'r-3' ? 'other' : 'trial', {}, { id })
  context.server.runs.change('r-2', { status: 'waiting' })
  return context
}

test('history prints the document in lines, and with --json in one', async () => {
  const context = await contextWithRuns()
  await printHistory(context, 'acme', 'r-1')
  const lines = context.io.out()
  expect(lines.split('\n')[1]).toBe('  "format": "tenax-run-history",')
  const one = { ...context, json: true, io: fakeIo() }
  await printHistory(one, 'acme', 'r-1')
  expect(JSON.parse(one.io.out())).toEqual(JSON.parse(lines))
  expect(one.io.out().trim()).not.toContain('\n')
})

test('check is content when the code goes on with every run that has not ended', async () => {
  const context = await contextWithRuns()
  context.server.runs.change('r-1', ENDED)
  context.server.runs.judge('r-1', REFUSED)
  await checkRuns(context, { tenant: 'acme' })
  expect(context.io.out()).toBe('checked 2 runs: the code that the server has loaded goes on with all\n')
})

test('check names the runs that would be blocked, and fails', async () => {
  const context = await contextWithRuns()
  for (const run of ['r-2', 'r-3']) context.server.runs.judge(run, REFUSED)
  await expect(checkRuns(context, { tenant: 'acme', workflow: 'trial' })).rejects.toMatchObject({
    ...{ code: 'runs_blocked', message: 'the code that the server has loaded would block 1 run' },
  })
  expect(context.io.out().split('\n')).toEqual([
    'checked 2 runs',
    'id   code              recorded    asked for',
    '---  ----------------  ----------  ----------',
    'r-2  workflow_changed  step "a#1"  step "b#1"',
    '',
  ])
  const json = { ...context, json: true, io: fakeIo() }
  await expect(checkRuns(json, { tenant: 'acme', run: 'r-3' })).rejects.toMatchObject({ code: 'runs_blocked' })
  expect(JSON.parse(json.io.out())).toEqual({ checkedCount: 1, refused: [{ run: 'r-3', ...REFUSED }], tooLarge: [] })
})

test('a run that was deleted since it was listed is none, one that was named is missed', async () => {
  const context = await contextWithRuns()
  context.server.runs.judge('r-1', 'deleted')
  await checkRuns(context, { tenant: 'acme' })
  expect(context.io.out()).toBe('checked 2 runs: the code that the server has loaded goes on with all\n')
  await expect(checkRuns(context, { tenant: 'acme', run: 'r-1' })).rejects.toMatchObject({ code: 'run_not_found' })
})
