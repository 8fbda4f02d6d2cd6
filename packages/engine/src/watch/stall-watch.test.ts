import { expect, test } from 'vitest'
import type { RunName } from './loop-note.ts'
import { StallWatch } from './stall-watch.ts'

const POISON: RunName = { tenant: 'acme', run: 'poison' }

function bed({ killMs }: { readonly killMs?: number } = {}) {
  const loop: { beats: number; isDebugged: boolean; run: RunName | undefined } = {
    ...{ beats: 1, isDebugged: false, run: POISON },
  }
  const told: string[] = []
  let answer: (run: RunName) => void = () => undefined
  const watch = new StallWatch(
    loop,
    { reportMs: 1_000, killMs, lookMsMax: 500 },
    {
      report: (ms, run) => told.push(`report ${ms} ${run?.run}`),
      ask: (take) => {
        told.push('ask')
        answer = take
      },
      recovered: (ms, run) => told.push(`recovered ${ms} ${run?.run}`),
      kill: (ms, run) => told.push(`kill ${ms} ${run?.run}`),
    },
  )
  const looks = (count: number) => {
    for (let index = 0; index < count; index += 1) watch.look(250)
  }
  return { loop, told, watch, looks, answer: (run: RunName) => answer(run) }
}

test('a loop that beats is never told of, however long', () => {
  const { loop, told, watch } = bed({ killMs: 30_000 })
  for (let index = 0; index < 1_000; index += 1) {
    loop.beats += 1
    watch.look(250)
  }
  expect(told).toEqual([])
})

test('a loop that stands still is reported once with the run that is on it, and told of when it turns again', () => {
  const { loop, told, looks } = bed()
  looks(200)
  expect(told).toEqual(['report 1000 poison'])
  loop.beats += 1
  looks(1)
  expect(told.slice(1)).toEqual(['recovered 50000 poison'])
})

test('a host that is started again by others is killed after its time, an embedded one never', () => {
  const supervised = bed({ killMs: 30_000 })
  supervised.looks(119)
  expect(supervised.told).toEqual(['report 1000 poison'])
  supervised.looks(1)
  expect(supervised.told.slice(1)).toEqual(['kill 30000 poison'])
})

test('who stands on the loop is asked when no note says it, and believed only about this stall', () => {
  const { loop, told, looks, answer } = bed()
  loop.run = undefined
  looks(4)
  answer(POISON)
  loop.beats += 1
  looks(1)
  answer({ tenant: 'acme', run: 'innocent' })
  expect(told).toEqual(['report 1000 undefined', 'ask', 'report 1000 poison', 'recovered 1000 poison'])
})

test('a process that was stopped as a whole has stalled for no longer than it looked', () => {
  const { told, watch } = bed({ killMs: 30_000 })
  watch.look(3_600_000)
  expect(told).toEqual([])
})

test('nobody is killed at a breakpoint', () => {
  const { loop, told, looks } = bed({ killMs: 30_000 })
  loop.isDebugged = true
  looks(1_000)
  expect(told).toEqual(['report 1000 poison'])
})
