import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { RunDetail, RunStep, RunWait } from '@tenax/client'
import { ManualClock } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { fakeContext, fakeIo } from '../fixtures/fake-context.ts'
import { main } from '../main.ts'
import { sendEvent } from './event-commands.ts'
import { explainRun } from './explain-command.ts'
import { awaitResult } from './result-command.ts'
import { cancelRun, listRuns, releaseRuns, startRun, terminateRun } from './run-commands.ts'
import { showRun, timeline } from './show-command.ts'
import { changeRun, rerunRun, skipCompensation } from './verb-commands.ts'

const T0 = '2026-11-22T12:00:00.000Z'
const ENDED = { status: 'completed', endedAt: '2026-11-22T12:00:10.000Z' } as const

async function contextWithRun({ json = false, change = {} }: { json?: boolean; change?: Partial<RunDetail> } = {}) {
  const context = await fakeContext({ ids: ['acme'], json })
  await context.client.tenant('acme').runs.start('trial', { email: 'a@b.c' }, { id: 'r-1' })
  context.server.runs.change('r-1', change)
  return context
}

function step(of: Partial<RunStep> & Pick<RunStep, 'seq' | 'identity' | 'kind'>): RunStep {
  return {
    ...{ status: 'completed', askedAt: T0, completedAt: '2026-11-22T12:00:01.500Z', attempts: 1, dueAt: null },
    ...{ event: null, key: null, child: null, result: null, resultOmitted: false, error: null },
    ...of,
  }
}

function wait(of: Partial<RunWait> & Pick<RunWait, 'type' | 'text'>): RunWait {
  return {
    ...{
      since: T0,
      dueAt: null,
      step: null,
      event: null,
      key: null,
      ahead: null,
      run: null,
      attempts: null,
      error: null,
    },
    ...of,
  }
}

test('start says the run, and that one was there', async () => {
  const context = await fakeContext({ ids: ['acme'] })
  const given = { tenant: 'acme', workflow: 'trial', input: { a: 1 }, id: 'r-1' }
  await startRun(context, given)
  await startRun(context, given)
  expect(context.io.out()).toBe('started run r-1\nrun r-1 was there: it is queued\n')
})

test('list shows a table, and only what was asked for', async () => {
  const context = await contextWithRun({ change: { blockedReason: 'held', cancelRequestedAt: T0 } })
  await listRuns(context, 'acme', { limit: 50 })
  expect(context.io.out().split('\n')).toEqual([
    'id   workflow  status                       created                   ended',
    '---  --------  ---------------------------  ------------------------  -----',
    'r-1  trial     queued, blocked, cancelling  2026-11-22T12:00:00.000Z',
    '',
  ])
  const other = { ...context, json: true, io: fakeIo() }
  await listRuns(other, 'acme', { limit: 50, status: 'failed' })
  expect(JSON.parse(other.io.out())).toEqual({ runs: [] })
  await expect(listRuns(context, 'acme', { limit: 1, status: 'lost' })).rejects.toMatchObject({ code: 'usage' })
})

test('list goes through the pages up to its limit', async () => {
  const context = await fakeContext({ ids: ['acme'], json: true })
  const { runs } = context.client.tenant('acme')
  for (let index = 0; index < 502; index++) await runs.start('trial', {})
  const before = context.server.seen.length
  await listRuns(context, 'acme', { limit: 501 })
  expect(JSON.parse(context.io.out()).runs).toHaveLength(501)
  expect(context.server.seen.length - before).toBe(2)
})

test('cancel and terminate say what became of the run; terminate asks first', async () => {
  const context = await contextWithRun()
  await cancelRun(context, 'acme', 'r-1')
  const terminate = { tenant: 'acme', run: 'r-1' }
  await expect(terminateRun(context, { ...terminate, isGiven: false })).rejects.toMatchObject({ code: 'usage' })
  await terminateRun(context, { ...terminate, isGiven: true })
  expect(context.io.out()).toBe('asked run r-1 to end: it is queued, cancelling\nrun r-1 is terminated\n')
})

test('pause and resume say how the run stands, and explain what moves it', async () => {
  const context = await contextWithRun()
  await changeRun(context, { verb: 'pause', tenant: 'acme', run: 'r-1' })
  await changeRun(context, { verb: 'resume', tenant: 'acme', run: 'r-1' })
  expect(context.io.out()).toBe('run r-1 is queued, paused\nrun r-1 is queued\n')
  context.server.runs.change('r-1', { pausedAt: T0, waitsFor: [wait({ type: 'operator', text: 'is paused' })] })
  await explainRun(context, 'acme', 'r-1')
  expect(context.io.out()).toContain('moved by  tenax runs resume acme r-1')
})

test('retry and skip say how the run stands; explain of a stuck one names both', async () => {
  const stuck = { type: 'operator', text: 'is blocked: compensation_stuck: x' } as const
  const context = await contextWithRun({ change: { blockedReason: 'compensation_stuck: x', waitsFor: [wait(stuck)] } })
  await explainRun(context, 'acme', 'r-1')
  expect(context.io.out()).toContain('moved by  tenax runs retry or tenax runs skip acme r-1')
  await skipCompensation(context, { tenant: 'acme', run: 'r-1' })
  context.server.runs.change('r-1', { ...ENDED, status: 'failed' })
  await changeRun(context, { verb: 'retry', tenant: 'acme', run: 'r-1' })
  expect(context.io.out()).toMatch(/run r-1 is queued\nrun r-1 is running\n$/)
})

test('rerun starts a new run; its preview lists what is kept and what is done again', async () => {
  const steps = [step({ seq: 1, identity: 'a#1', kind: 'step' }), step({ seq: 2, identity: 'b#1', kind: 'tx' })]
  const context = await contextWithRun({ change: { ...ENDED, steps, stepCount: 2 } })
  const given = { tenant: 'acme', run: 'r-1', options: { from: 'b#1', results: { 'a#1': 1 } } }
  await rerunRun(context, { ...given, isPreview: true })
  await rerunRun(context, { ...given, isPreview: false })
  expect(context.io.out().split('\n')).toEqual([
    ...['kept: 1', '  step a#1', 'done again, if the code does what it did: 1', '  tx b#1'],
    ...['started run run-2, a rerun of r-1', ''],
  ])
})

test('result prints the output of the run that a run went on as', async () => {
  const context = await contextWithRun({ change: { status: 'continued', endedAt: T0, successor: 'r-2' } })
  await context.client.tenant('acme').runs.start('trial', {}, { id: 'r-2' })
  context.server.runs.change('r-2', { ...ENDED, output: { paid: true } })
  await awaitResult(context, { tenant: 'acme', run: 'r-1' })
  expect(context.io.out()).toBe('{"paid":true}\n')
})

test('result of a run that failed, was cancelled, or does not end in time, fails', async () => {
  const error = { code: 'step_failed', message: 'no luck' }
  const context = await contextWithRun({ change: { ...ENDED, status: 'failed', error } })
  const asked = { tenant: 'acme', run: 'r-1' }
  await expect(awaitResult(context, asked)).rejects.toMatchObject({
    ...{ code: 'run_failed', message: 'run r-1 failed: step_failed: no luck' },
  })
  context.server.runs.change('r-1', { status: 'cancelled', error: null })
  await expect(awaitResult(context, asked)).rejects.toMatchObject({ message: 'run r-1 is cancelled' })
  context.server.runs.change('r-1', { status: 'waiting', endedAt: null })
  await expect(awaitResult(context, { ...asked, timeoutS: 0 })).rejects.toMatchObject({ code: 'run_unfinished' })
  expect(context.io.out()).toBe('')
})

test('show draws the steps on one scale', async () => {
  const steps = [
    step({ seq: 1, identity: 'open#1', kind: 'tx' }),
    step({ seq: 2, identity: 'charge[0]', kind: 'step', askedAt: '2026-11-22T12:00:01.500Z', attempts: 2 }),
    step({
      seq: 3,
      identity: 'trial#1',
      kind: 'sleep',
      completedAt: null,
      status: 'open',
      dueAt: '2026-12-06T12:00:00.000Z',
    }),
  ].map((one, index) => (index === 1 ? { ...one, completedAt: '2026-11-22T12:00:03.000Z' } : one))
  const context = await contextWithRun({ change: { status: 'waiting', startedAt: T0, steps, stepCount: 5 } })
  await showRun(context, { tenant: 'acme', run: 'r-1' }, new ManualClock(Date.parse(T0)))
  const lines = context.io.out().split('\n')
  expect(lines[0]).toBe('run       r-1')
  expect(lines).toContain('input     {"email":"a@b.c"}')
  expect(lines.slice(lines.indexOf('') + 1)).toEqual([
    '    at                              step       kind    took  outcome',
    '------  --------------------------  ---------  -----  -----  ------------------------------------',
    ' +0 ms  |============            |  open#1     tx     1.5 s  completed',
    '+1.5 s  |            ============|  charge[0]  step   1.5 s  completed, after 2 attempts',
    ' +0 ms  |=======================>|  trial#1    sleep         open, until 2026-12-06T12:00:00.000Z',
    'and 2 steps before these; tenax sql has them in tenax_step',
    '',
  ])
})

test('show draws what is open up to now', async () => {
  const sleeping = { completedAt: null, status: 'open', dueAt: '2026-12-06T12:00:00.000Z' } as const
  const steps = [
    step({ seq: 1, identity: 'a#1', kind: 'tx' }),
    step({ seq: 2, identity: 'b#1', kind: 'sleep', ...sleeping, askedAt: '2026-11-22T12:00:01.500Z' }),
  ]
  const context = await contextWithRun({ change: { status: 'waiting', startedAt: T0, steps, stepCount: 2 } })
  const { detail, now } = { detail: await context.client.tenant('acme').runs.get('r-1'), now: Date.parse(T0) + 6_000 }
  expect(timeline(detail, now).map((line) => line.slice(8, 34))).toEqual([
    ...[expect.any(String), expect.any(String)],
    '|======                  |',
    '|      =================>|',
  ])
  const ended = timeline({ ...detail, endedAt: '2026-11-22T12:00:03.000Z' }, now)
  expect(ended[2]).toContain('|============            |')
})

test.each([
  ['workflow_unknown: no', 'a server that loads the workflow: name it in tenax.config.ts'],
  ['compensation_stuck: no', 'tenax runs retry or tenax runs skip acme r-1, once it is seen to'],
  ['probation: it says workflow_changed', 'the host, which tries it alone'],
  ['poisoned: it ended its host', 'tenax runs retry acme r-1, once it is mended: it is tried alone first'],
  ['engine_fault: what', 'tenax runs release acme, once the reason is seen to'],
  ['held', 'tenax runs release acme, once no other copy of the tenant works on'],
])('explain says what moves a run that is blocked: %s', async (reason, move) => {
  const waitsFor = [wait({ type: 'operator', text: `is blocked: ${reason}` })]
  const context = await contextWithRun({ change: { blockedReason: reason, waitsFor } })
  await explainRun(context, 'acme', 'r-1')
  expect(context.io.out()).toContain(`  moved by  ${move}\n`)
})

test('explain says what was changed under a run, and what moves it', async () => {
  const [recorded, asked] = ['operation 2: step "a; asked for b#1"', 'operation 2: sleep "nap#1" with another time']
  const blockedReason = `workflow_changed: recorded ${recorded}; asked for ${asked}`
  const waitsFor = [wait({ type: 'operator', text: `is blocked: ${blockedReason}` })]
  const context = await contextWithRun({ change: { status: 'waiting', blockedReason, waitsFor } })
  await explainRun(context, 'acme', 'r-1')
  const movedBy =
    'code that asks for what is recorded: bring it back, or guard the change with ctx.patched(); a server that loads it tries the run within a minute, tenax runs retry acme r-1 at once'
  expect(context.io.out().split('\n')).toEqual([
    'run r-1 of workflow trial is waiting, blocked',
    '',
    'is blocked: workflow_changed',
    '  since      2026-11-22T12:00:00.000Z',
    `  recorded   ${recorded}`,
    `  asked for  ${asked}`,
    `  moved by   ${movedBy}`,
    '',
  ])
  const json = await contextWithRun({ json: true, change: { blockedReason, waitsFor } })
  await explainRun(json, 'acme', 'r-1')
  expect(JSON.parse(json.io.out()).waitsFor).toMatchObject([{ changed: { recorded, asked }, movedBy }])
})

test('explain of a reason that it cannot take apart shows it as it is', async () => {
  const blockedReason = 'workflow_changed: as an older server said it'
  const waitsFor = [wait({ type: 'operator', text: `is blocked: ${blockedReason}` })]
  const context = await contextWithRun({ change: { blockedReason, waitsFor } })
  await explainRun(context, 'acme', 'r-1')
  expect(context.io.out()).toContain(`\nis blocked: ${blockedReason}\n`)
})

test('explain says what a run waits for, since when, and what would move it', async () => {
  const waitsFor = [
    wait({ type: 'event', text: 'waits for event "upgraded" with key "7 x"', event: 'upgraded', key: '7 x' }),
    wait({ type: 'time', text: 'sleeps in "trial#1"', step: 'trial#1', dueAt: '2026-12-06T12:00:00.000Z' }),
    wait({ type: 'step', text: 'waits for attempt 2', attempts: 1, error: { code: 'E', message: 'no' } }),
  ]
  const context = await contextWithRun({ change: { status: 'waiting', waitsFor } })
  await explainRun(context, 'acme', 'r-1')
  expect(context.io.out().split('\n')).toEqual([
    'run r-1 of workflow trial is waiting',
    '',
    'waits for event "upgraded" with key "7 x"',
    '  since     2026-11-22T12:00:00.000Z',
    "  moved by  tenax events send acme upgraded '<payload>' --for '7 x'",
    '',
    'sleeps in "trial#1"',
    '  since     2026-11-22T12:00:00.000Z',
    '  step      trial#1',
    '  wakes     2026-12-06T12:00:00.000Z',
    '  moved by  time, or tenax runs cancel acme r-1',
    '',
    'waits for attempt 2',
    '  since       2026-11-22T12:00:00.000Z',
    '  attempts    1',
    '  last error  E: no',
    '  moved by    an attempt that succeeds, or the last one that fails',
    '',
    'next wake 2026-12-06T12:00:00.000Z',
    '',
  ])
})

test('explain of an ended run says that nothing moves it; control characters stay on paper', async () => {
  const error = { code: 'step_failed', message: 'red\u001b[31m' }
  const context = await contextWithRun({ change: { ...ENDED, status: 'failed', error } })
  await explainRun(context, 'acme', 'r-1')
  expect(context.io.out()).toBe(
    'run r-1 of workflow trial is failed since 2026-11-22T12:00:10.000Z: step_failed: red\\u{1b}[31m. Nothing moves it any more\n',
  )
})

test('a held run says what releases it, and release counts what goes on', async () => {
  const waitsFor = [wait({ type: 'operator', text: 'is blocked: held' })]
  const context = await contextWithRun({ change: { blockedReason: 'held', waitsFor } })
  await explainRun(context, 'acme', 'r-1')
  expect(context.io.out()).toContain('moved by  tenax runs release acme')
  await releaseRuns(context, 'acme')
  await releaseRuns(context, 'acme')
  expect(context.io.out()).toMatch(/1 run goes on\n0 runs go on\n$/)
})

test('an event is sent, and a second one with its id says so', async () => {
  const context = await contextWithRun()
  const given = { tenant: 'acme', name: 'approval', payload: { yes: true }, id: 'e-1' }
  await sendEvent(context, given)
  await sendEvent(context, given)
  expect(context.io.out()).toBe(`sent event e-1 at ${T0}\nhad already received event e-1 at ${T0}\n`)
})

const settings = {
  url: 'http://127.0.0.1:9',
  adminKey: undefined,
  dataDir: '',
  handleCount: undefined,
  historyFile: '',
}

test.each([
  ['runs start acme trial {oops', 'It must be JSON'],
  ['runs start acme trial {} --at tomorrow', 'It must be a time'],
  ['runs start acme trial {} --at 1969-12-31T23:59:59Z', 'It must be a time'],
  ['runs start acme trial {} --priority 101', 'It must be a whole number from -100 to 100'],
  ['runs rerun acme r-1 --result a#1', 'It must be an identity'],
  ['runs show acme', "missing required argument 'run'"],
  ['runs list ACME', 'not a tenant id'],
  ['events send acme', "missing required argument 'name'"],
])('%s makes no sense', async (line, message) => {
  const io = fakeIo()
  expect(await main(line.split(' '), { io, settings })).toBe(2)
  expect(io.err()).toContain(message)
})

test('events send --for names the key of the event, beside the key of the server', async () => {
  const seen: unknown[] = []
  const server = createServer(async (request, response) => {
    seen.push(request.headers.authorization, JSON.parse(await text(request)))
    response.writeHead(202, { 'content-type': 'application/json' }).end(JSON.stringify({ id: 'e-1', receivedAt: T0 }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const line = ['events', 'send', 'acme', 'approved', '{}', '--for', 'Lin', '--key', 'k'.repeat(16)]
  const io = fakeIo()
  expect(await main([...line, '--url', `http://127.0.0.1:${port}`], { io, settings })).toBe(0)
  server.close()
  expect(seen).toEqual([`Bearer ${'k'.repeat(16)}`, { name: 'approved', key: 'Lin', payload: {} }])
})
