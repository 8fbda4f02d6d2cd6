import { waitSchema } from '@tenax/protocol'
import { expect, test } from 'vitest'
import type { RunDetail, StepRecord } from './index.ts'
import { runWaits } from './run-waits.ts'

const T0 = 1_700_000_000_000
const LATER = T0 + 60_000
const LATER_TEXT = '2023-11-14T22:14:20.000Z'

function run(of: Partial<RunDetail> = {}): RunDetail {
  const none = undefined
  return {
    ...{ id: 'r', workflow: 'trial', version: none, status: 'waiting', priority: 0, createdAtMs: T0, startAtMs: T0 },
    ...{
      startedAtMs: T0 + 5,
      endedAtMs: none,
      cancelRequestedAtMs: none,
      pausedAtMs: none,
      blockedReason: none,
      parent: none,
    },
    ...{
      predecessor: none,
      successor: none,
      origin: none,
      closingAs: none,
      input: none,
      output: none,
      error: none,
      slot: none,
      values: {},
    },
    ...of,
  }
}

function open(of: Partial<StepRecord> & Pick<StepRecord, 'kind'>): StepRecord {
  const none = undefined
  return {
    ...{ seq: 1, identity: 'name#1', status: 'open', askedAtMs: T0 + 10, completedAtMs: none, attempts: 0 },
    ...{ dueAtMs: none, event: none, key: none, child: none, result: none, error: none },
    ...of,
  }
}

test.each([
  ['a sleep', open({ kind: 'sleep', dueAtMs: LATER }), 'time', `sleeps in "name#1" until ${LATER_TEXT}`],
  ['an event', open({ kind: 'wait', event: 'go', key: '' }), 'event', 'waits for event "go"'],
  [
    'an event by its key until a deadline',
    open({ kind: 'wait', event: 'go', key: '7', dueAtMs: LATER }),
    ...(['event', `waits for event "go" with key "7" until ${LATER_TEXT}`] as const),
  ],
  ['a child', open({ kind: 'child', child: 'c-1' }), 'child', 'waits for its child run "c-1"'],
  ['an attempt', open({ kind: 'step' }), 'step', 'attempt 1 of step "name#1" is under way or about to start'],
  [
    'the next attempt',
    open({ kind: 'step', attempts: 1, dueAtMs: LATER, error: { code: 'E', message: 'no' } }),
    ...(['step', `waits until ${LATER_TEXT} for attempt 2 of step "name#1"`] as const),
  ],
  ['an attempt that is due', open({ kind: 'step', attempts: 1, dueAtMs: T0 }), 'step', /^attempt 2 .* under way/],
  ['a transaction', open({ kind: 'tx' }), 'turn', 'is about to commit tx "name#1"'],
])('%s', (_what, step, type, text) => {
  const [wait] = runWaits(run(), [step], T0 + 20)
  expect(wait).toMatchObject({ type, since: '2023-11-14T22:13:20.010Z' })
  expect(wait?.text).toMatch(text)
  expect(waitSchema.parse(wait)).toEqual(wait)
})

test('only open operations are waited for, and nothing by a run that has ended', () => {
  const steps = [open({ kind: 'sleep', status: 'completed' }), open({ kind: 'sleep', seq: 2, dueAtMs: LATER })]
  expect(runWaits(run(), steps, T0)).toHaveLength(1)
  expect(runWaits(run({ status: 'failed', endedAtMs: LATER }), steps, T0)).toEqual([])
})

test('a run that has not begun waits for its time, then for its turn', () => {
  const queued = run({ status: 'queued', startedAtMs: undefined, startAtMs: LATER })
  expect(runWaits(queued, [], T0)).toMatchObject([{ type: 'time', text: `starts at ${LATER_TEXT}`, dueAt: LATER_TEXT }])
  expect(runWaits(queued, [], LATER)).toMatchObject([
    { type: 'turn', text: 'waits for its turn to start', dueAt: null },
  ])
  expect(runWaits(run({ status: 'running' }), [], T0)).toMatchObject([{ type: 'turn' }])
})

test.each([
  [{ key: 'eu', aheadCount: 1 }, 'waits for a slot of workflow "trial" with key "eu", behind 1 run'],
  [{ key: '', aheadCount: 0 }, 'waits for a slot of workflow "trial", behind 0 runs'],
])('a run that waits for a slot says of which key, and behind how many', (slot, text) => {
  const queued = run({ status: 'queued', startedAtMs: undefined, slot })
  expect(runWaits(queued, [], T0)).toMatchObject([{ type: 'slot', text, key: slot.key, ahead: slot.aheadCount }])
})

test('what blocks a run comes first, with what it waits for behind it', () => {
  const blocked = run({ blockedReason: 'workflow_changed: x' })
  expect(runWaits(blocked, [open({ kind: 'sleep', dueAtMs: LATER })], T0)).toMatchObject([
    { type: 'operator', text: 'is blocked: workflow_changed: x' },
    { type: 'time' },
  ])
})
