import type { OutputEvent, RunDetail, RunStep } from '@tenax/client'
import { expect, test } from 'vitest'
import { fakeContext } from '../fixtures/fake-context.ts'
import { watchRun } from './watch-command.ts'

const T0 = '2026-11-22T12:00:00.000Z'
const T1 = '2026-11-22T12:00:01.500Z'

const STEP: RunStep = {
  ...{ seq: 1, identity: 'think#1', kind: 'step', status: 'completed', askedAt: T0, completedAt: T1, attempts: 1 },
  ...{ dueAt: null, event: null, key: null, child: null, result: null, resultOmitted: false, error: null },
}
const LIVE = { type: 'live', at: T0, step: 'think#1', attempt: 1 } as const
const END: OutputEvent = { type: 'end', status: 'completed', successor: null }
const EVENTS: readonly OutputEvent[] = [
  { type: 'emit', seq: 1, at: T0, value: { part: 1 } },
  { ...LIVE, value: 'once ' },
  { ...LIVE, value: 'upon' },
  { type: 'log', seq: 2, at: T1, message: 'done thinking', data: { words: 2 } },
  END,
]

async function watched(
  change: Partial<RunDetail>,
  { events = EVENTS, ...options }: { events?: readonly OutputEvent[]; json?: boolean; isTTY?: boolean } = {},
) {
  const context = await fakeContext({ ids: ['acme'], ...options })
  await context.client.tenant('acme').runs.start('story', {}, { id: 'r-1' })
  context.server.runs.change('r-1', { startedAt: T0, steps: [STEP], ...change })
  context.server.runs.putOut('r-1', events)
  return context
}

const COMPLETED = { status: 'completed', endedAt: T1, output: 'said' } as const
const HEAD = '    +0 ms  run r-1  of workflow story is completed\n   +1.5 s  think#1  completed in 1.5 s\n'

test('watch prints steps and outputs as they come, and the end', async () => {
  const context = await watched(COMPLETED)
  await watchRun(context, { tenant: 'acme', run: 'r-1' })
  expect(context.io.out()).toBe(
    `${HEAD}    +0 ms  emit  {"part":1}
    +0 ms  think#1  shows "once "
    +0 ms  think#1  shows "upon"
   +1.5 s  log  done thinking {"words":2}
   +1.5 s  run r-1  is completed, output "said"
`,
  )
})

test('at a terminal the pieces of a text that a step shows are one line', async () => {
  const context = await watched(COMPLETED, { isTTY: true })
  await watchRun(context, { tenant: 'acme', run: 'r-1' })
  expect(context.io.out()).toContain('    +0 ms  think#1  once upon\n   +1.5 s  log')
})

test('a change of the run shows what is new of its steps and waits', async () => {
  const waits = { type: 'event', text: 'waits for event "go"', since: T0 } as const
  const nothing = {
    dueAt: null,
    step: null,
    event: null,
    key: null,
    ahead: null,
    run: null,
    attempts: null,
    error: null,
  }
  const context = await watched(
    { ...COMPLETED, waitsFor: [{ ...waits, ...nothing }] },
    { events: [{ type: 'change' }, { type: 'change' }, END] },
  )
  await watchRun(context, { tenant: 'acme', run: 'r-1' })
  const end = '   +1.5 s  run r-1  is completed, output "said"\n'
  expect(context.io.out()).toBe(`${HEAD}           waits for event "go"\n${end}`)
})

test('a wait is told once, in words, and once when it is over, with what it took in front', async () => {
  const wait: RunStep = { ...STEP, seq: 2, identity: 'go#1', kind: 'wait', event: 'go' }
  const open: RunStep = { ...wait, seq: 3, identity: 'go#2', status: 'open', completedAt: null }
  const context = await watched({ ...COMPLETED, steps: [wait, open] }, { events: [END] })
  await watchRun(context, { tenant: 'acme', run: 'r-1' })
  expect(context.io.out()).toContain('go#1  completed in 1.5 s, event go\n')
  expect(context.io.out()).not.toContain('go#2')
})

test('nothing that a workflow says reaches the terminal as a control character', async () => {
  const bad = '\x1b[2J\nnext'
  const failed: RunStep = {
    ...STEP,
    seq: 2,
    identity: `a[${bad}]`,
    status: 'failed',
    error: { code: 'E', message: bad },
  }
  const said: OutputEvent = { type: 'log', seq: 1, at: T0, message: bad, data: null }
  const events = [said, { ...LIVE, value: `word${bad}` }, END]
  const context = await watched({ ...COMPLETED, steps: [failed] }, { events, isTTY: true })
  await watchRun(context, { tenant: 'acme', run: 'r-1' })
  const lines = context.io.out()
  expect(lines).not.toContain('\x1b')
  expect(lines).toContain('log  \\u{1b}[2J\\nnext\n')
  expect(lines).toContain('failed in 1.5 s, E: \\u{1b}[2J\\nnext\n')
  // The pieces of a text have lines of their own.
  expect(lines).toContain('think#1  word\\u{1b}[2J\nnext\n')
})

test('watch goes on with the run that a run went on as, and fails with one that failed', async () => {
  const continued = { status: 'continued', successor: 'r-2', endedAt: T1 } as const
  const context = await watched(continued, { events: [{ ...END, status: 'continued', successor: 'r-2' }] })
  await context.client.tenant('acme').runs.start('story', {}, { id: 'r-2' })
  context.server.runs.change('r-2', {
    status: 'failed',
    endedAt: T1,
    error: { code: 'step_failed', message: 'no luck' },
  })
  context.server.runs.putOut('r-2', [{ ...END, status: 'failed' }])
  const watching = watchRun(context, { tenant: 'acme', run: 'r-1' })
  await expect(watching).rejects.toMatchObject({ code: 'run_failed', message: 'run r-2 failed: step_failed: no luck' })
  expect(context.io.out()).toContain('run r-1  goes on as run r-2\n')
})

test('with --json each output is a line, and the run the last', async () => {
  const context = await watched(COMPLETED, { json: true })
  await watchRun(context, { tenant: 'acme', run: 'r-1' })
  const lines = context.io.out().trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line).type ?? JSON.parse(line).status)).toEqual([
    ...['emit', 'live', 'live', 'log', 'completed'],
  ])
})
