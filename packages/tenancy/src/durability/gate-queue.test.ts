/** The queue at the gate, on flushes that the test ends and a clock that it moves. */
import { ManualClock, TenaxError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { GATE_MS_MAX, GATE_RELEASE_COUNT } from '../limits.ts'
import { GateQueue } from './gate-queue.ts'

function newQueue() {
  const clock = new ManualClock()
  const late = () => new TenaxError('outcome_unknown', 'late')
  const queue = new GateQueue({ clock, waitMsMax: GATE_MS_MAX, late })
  const told: string[] = []
  /** Waits, and notes under `name` how it ended. */
  const wait = (name: string, flush: Promise<void>, whose: object = queue) => {
    queue.wait(flush, whose).then(
      () => told.push(name),
      (error: unknown) => told.push(`${name}: ${error instanceof TenaxError ? error.code : String(error)}`),
    )
  }
  return { clock, told, wait }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a waiter at the gate', () => {
  it('goes when its flush is durable, not with another one, and in the order of coming', async () => {
    const { told, wait } = newQueue()
    const [one, two] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    wait('a', one.promise)
    wait('b', one.promise)
    wait('c', two.promise)
    wait('d', one.promise)
    await turn()
    expect(told).toEqual([])
    one.resolve()
    await turn()
    expect(told).toEqual(['a', 'b', 'd'])
    two.resolve()
    await turn()
    expect(told).toEqual(['a', 'b', 'd', 'c'])
  })

  it('hears of a flush that failed, and nobody of the next one does', async () => {
    const { told, wait } = newQueue()
    const [one, two] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    wait('a', one.promise)
    wait('b', two.promise)
    one.reject(new TenaxError('unavailable', 'the ledger has failed'))
    await turn()
    expect(told).toEqual(['a: unavailable'])
    two.resolve()
    await turn()
    expect(told).toEqual(['a: unavailable', 'b'])
  })

  it('is turned away when its own time is over, whoever came before it, and is told once', async () => {
    const { clock, told, wait } = newQueue()
    const { promise: flush, resolve } = Promise.withResolvers<void>()
    wait('a', flush)
    clock.advance(GATE_MS_MAX - 1)
    wait('b', flush)
    await turn()
    expect(told).toEqual([])
    clock.advance(1)
    await turn()
    expect(told).toEqual(['a: outcome_unknown'])
    clock.advance(GATE_MS_MAX - 2)
    await turn()
    expect(told).toEqual(['a: outcome_unknown'])
    clock.advance(1)
    resolve()
    await turn()
    expect(told).toEqual(['a: outcome_unknown', 'b: outcome_unknown'])
  })

  it('needs no timer of its own, and nobody leaves one behind', async () => {
    const { clock, told, wait } = newQueue()
    for (let index = 0; index < 100; index += 1) wait(String(index), Promise.resolve())
    expect(clock.pending).toBe(1)
    for (let turns = 0; turns < 100; turns += 1) await turn()
    expect(told.length).toBe(100)
    clock.advance(GATE_MS_MAX)
    expect(clock.pending).toBe(0)
    wait('later', new Promise(() => undefined))
    clock.advance(GATE_MS_MAX)
    await turn()
    expect(told.at(-1)).toBe('later: outcome_unknown')
  })
})

describe('a flush that many wait for', () => {
  it('lets them go a few in each turn of the event loop, and those of the next flush behind them', async () => {
    const { told, wait } = newQueue()
    const flush = Promise.resolve()
    const count = GATE_RELEASE_COUNT * 2 + 1
    for (let index = 0; index < count; index += 1) wait(String(index), flush)
    wait('next', flush.then())
    const seen: number[] = []
    while (told.length <= count) {
      await turn()
      seen.push(told.length)
    }
    expect(told).toEqual([...Array.from({ length: count }, (_, index) => String(index)), 'next'])
    expect(seen[0]).toBe(GATE_RELEASE_COUNT)
    expect(seen.length).toBeGreaterThanOrEqual(3)
  })

  it('lets those of other tenants go in turn, however many of one came before them', async () => {
    const { told, wait } = newQueue()
    const flush = Promise.resolve()
    const [crowd, other] = [{}, {}]
    for (let index = 0; index < GATE_RELEASE_COUNT * 3; index += 1) wait(`crowd ${index}`, flush, crowd)
    for (const name of ['a', 'b', 'c']) wait(name, flush, other)
    wait('d', flush.then(), {})
    await turn()
    expect(told).toEqual(['crowd 0', 'a', 'crowd 1', 'b', 'crowd 2', 'c', 'crowd 3', 'crowd 4'])
    await turn()
    expect(told).toContain('d')
    for (let turns = 0; turns < 5; turns += 1) await turn()
    expect(told.filter((name) => name.startsWith('crowd'))).toEqual(
      Array.from({ length: GATE_RELEASE_COUNT * 3 }, (_, index) => `crowd ${index}`),
    )
  })

  it('lets everybody go who was durable in time, however long their turn takes to come', async () => {
    const { clock, told, wait } = newQueue()
    const flush = Promise.resolve()
    for (let index = 0; index < GATE_RELEASE_COUNT * 3; index += 1) wait(String(index), flush)
    await flush
    clock.advance(GATE_MS_MAX * 2)
    for (let turns = 0; turns < 5; turns += 1) await turn()
    expect(told.length).toBe(GATE_RELEASE_COUNT * 3)
    expect(told.every((name) => !name.includes(':'))).toBe(true)
  })
})
