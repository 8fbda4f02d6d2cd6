import type { Turn } from '@tenax/workflow/core'
import { expect, test } from 'vitest'
import { OpenOperations } from './open-operations.ts'

const TURN: Turn = {
  state: { type: 'waiting' },
  asked: [
    {
      seq: 1,
      identity: 'mail#1',
      hash: '',
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
  cancelledAfter: undefined,
  outputs: [],
  patches: {},
  isCompensating: false,
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
