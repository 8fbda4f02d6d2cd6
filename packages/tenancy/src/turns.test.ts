import { ManualClock } from '@tenax/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf } from './fixtures/test-bed.ts'
import { Turns } from './turns.ts'

function stage(queueMax = 3) {
  const clock = new ManualClock()
  return { clock, turns: new Turns({ clock, queueMax, waitMsMax: 1_000 }) }
}

describe('take()', () => {
  it('gives one turn at a time, in order of asking', async () => {
    const { turns } = stage()
    const order: number[] = []
    const first = await turns.take()
    const others = [1, 2, 3].map(async (number) => {
      const end = await turns.take()
      order.push(number)
      end()
    })
    expect([turns.waiting, order]).toEqual([3, []])
    first()
    await Promise.all(others)
    expect([turns.waiting, order]).toEqual([0, [1, 2, 3]])
  })

  it('turns away who comes when the queue is full', async () => {
    const { turns } = stage(1)
    const first = await turns.take()
    const second = turns.take()
    expect(await codeOf(turns.take())).toBe('overloaded')
    first()
    ;(await second)()
  })

  it('turns away who waited too long, and nobody else', async () => {
    const { turns, clock } = stage()
    const first = await turns.take()
    const late = codeOf(turns.take())
    clock.advance(600)
    const patient = turns.take()
    clock.advance(400)
    expect([await late, turns.waiting]).toEqual(['overloaded', 1])
    first()
    const end = await patient
    end()
    expect(clock.pending).toBe(0)
  })

  it('hands the turn straight on: nobody slips in between', async () => {
    const { turns } = stage()
    const first = await turns.take()
    const second = turns.take()
    first()
    const third = turns.take()
    expect(turns.waiting).toBe(1)
    ;(await second)()
    ;(await third)()
  })

  it('ends a turn once, however often it is told to', async () => {
    const { turns } = stage()
    const first = await turns.take()
    const second = turns.take()
    first()
    const end = await second
    const third = turns.take()
    first()
    expect(turns.waiting).toBe(1)
    end()
    ;(await third)()
  })
})

describe('refuse()', () => {
  it('refuses those who wait and those who come, with the reason; the one whose turn it is ends it', async () => {
    const { turns, clock } = stage()
    const first = await turns.take()
    const waiting = codeOf(turns.take())
    turns.refuse(() => new Error('fenced'))
    expect([await waiting, await codeOf(turns.take()), clock.pending]).toEqual(['fenced', 'fenced', 0])
    first()
  })

  it('does not refuse the one who closes', async () => {
    const { turns } = stage()
    const first = await turns.take()
    turns.refuse(() => new Error('fenced'))
    const last = turns.takeLast()
    first()
    ;(await last)()
  })
})

it('Turns never runs two at once and forgets nobody, whatever the order of takes, ends and waits', async () => {
  const acts = fc.array(fc.oneof(fc.constant('take'), fc.constant('end'), fc.constant('wait')), { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(acts, async (steps) => {
      const { turns, clock } = stage(5)
      const held: (() => void)[] = []
      const asked: Promise<unknown>[] = []
      for (const step of steps) {
        if (step === 'take')
          asked.push(
            turns.take().then(
              (end) => held.push(end),
              () => undefined,
            ),
          )
        if (step === 'end') held.shift()?.()
        if (step === 'wait') clock.advance(400)
        await new Promise((resolve) => setImmediate(resolve))
        expect(held.length).toBeLessThanOrEqual(1)
      }
      while (held.length > 0) {
        held.shift()?.()
        await new Promise((resolve) => setImmediate(resolve))
      }
      await Promise.all(asked)
      expect([turns.waiting, clock.pending]).toEqual([0, 0])
    }),
    { numRuns: 100 },
  )
})
