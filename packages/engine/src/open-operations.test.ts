import { ManualClock } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { Inbox } from './inbox.ts'
import { OpenOperations, type OperationChanges } from './open-operations.ts'

const TURN: OperationChanges = {
  asked: [
    {
      seq: 1,
      identity: 'mail#1',
      hash: '',
      askedAfter: 0,
      spec: {
        kind: 'step',
        name: 'mail',
        uses: undefined,
        durability: 'local',
        hasCompensation: false,
        run: () => undefined,
        idempotencyKey: 'key',
        retry: { attempts: 3, firstMs: 1, factor: 1, waitMsMax: 1, jitter: false, when: undefined },
        timeoutMs: 1_000,
        atMostOnce: false,
      },
    },
  ],
  reopened: [],
  dropped: [],
  cancelled: [],
}

test('of two leaves for one attempt the second is void once it has begun', () => {
  const open = new OpenOperations()
  open.apply(TURN)
  const [first, second] = [open.leavesFor([1]), open.leavesFor([1])]
  open.allowStart(first, 0)
  const [operation] = open.startable()
  // What an attempt does that begins, and has its outcome.
  Object.assign(operation ?? {}, { begunCount: 1, isHandled: true })
  open.allowStart(second, 0)
  expect([operation?.asked.seq, open.startable()]).toEqual([1, []])
})

test('a run whose sleep is over has work, and stays in memory until it was told the time', () => {
  const open = new OpenOperations()
  open.apply({
    ...TURN,
    asked: [{ seq: 1, askedAfter: 0, identity: 'nap#1', hash: '', spec: { kind: 'sleep', name: 'nap', dueAtMs: 5 } }],
  })
  const outlookAt = (nowMs: number) => open.outlook(new Set(), { isCompensating: false, hasWork: false, nowMs })
  expect([outlookAt(4), outlookAt(5)]).toMatchObject([{ readiness: 0, wakeAtMs: 5 }, { readiness: 2 }])
})

test('a step whose outcome has arrived begins no attempt, though its run is replayed with leave to', () => {
  const open = new OpenOperations()
  const inbox = new Inbox(open, { clock: new ManualClock(), lastAtMs: 0 })
  open.apply({ ...TURN, asked: [], reopened: TURN.asked })
  inbox.putFirst([{ run: 1, seq: 1, outcome: { type: 'ok', json: '1' } }])
  open.allowStart(open.leavesFor([1]), 0)
  expect(open.startable()).toEqual([])
  expect(inbox.take(0)).toHaveLength(1)
  expect(open.startable()).toEqual([]) // its body is about to see it
})

test('an end that comes twice gets one place', () => {
  const open = new OpenOperations()
  const inbox = new Inbox(open, { clock: new ManualClock(), lastAtMs: 0 })
  open.apply(TURN)
  inbox.put({ seq: 1, outcome: { type: 'ok', json: '"first"' }, isArrived: true, attempts: 0 })
  inbox.put({ seq: 1, outcome: { type: 'ok', json: '"second"' }, isArrived: false, attempts: 1 })
  const places = inbox.take(4).map(({ completion: { number, outcome } }) => [number, outcome])
  expect(places).toEqual([[5, { type: 'ok', json: '"first"' }]])
})

test('a sleep whose end has arrived is not over a second time', () => {
  const open = new OpenOperations()
  const inbox = new Inbox(open, { clock: new ManualClock(), lastAtMs: 0 })
  const spec = { kind: 'sleep', name: 'nap', dueAtMs: 5 } as const
  open.apply({ ...TURN, asked: [], reopened: [{ seq: 1, askedAfter: 0, identity: 'nap#1', hash: '', spec }] })
  inbox.putFirst([{ run: 1, seq: 1, outcome: { type: 'ok', json: undefined } }])
  expect([open.due(5), open.nextLookMs()]).toEqual([[], undefined])
})
