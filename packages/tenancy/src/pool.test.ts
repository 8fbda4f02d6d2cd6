import { describe, expect, it } from 'vitest'
import { PoolBench, settled } from './fixtures/fake-handles.ts'

describe('use()', () => {
  it('opens a handle once for all who ask meanwhile, and keeps it open for the next', async () => {
    const bench = new PoolBench()
    bench.opensAtOnce = false
    const uses = [await bench.hold('a'), await bench.hold('a'), await bench.hold('a')]
    expect(bench.opens).toHaveLength(1)
    bench.opens[0]?.settle()
    await settled()
    expect(new Set(uses.map(({ handle }) => handle)).size).toBe(1)
    for (const use of uses) use.end()
    await settled()
    await bench.touch('a')
    expect(bench.pool.stats()).toMatchObject({ opened: 1, idle: 1, pinned: 0 })
  })

  it('gives what the function gives, and what it throws', async () => {
    const bench = new PoolBench()
    await expect(bench.pool.use('a', () => 7)).resolves.toBe(7)
    await expect(bench.pool.use('a', () => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
    expect(bench.pool.stats()).toMatchObject({ pinned: 0, idle: 1 })
  })

  it('passes a failure to open on to everybody who waited for that flight or tries again', async () => {
    const bench = new PoolBench()
    bench.opensAtOnce = false
    const uses = [await bench.hold('a'), await bench.hold('a')]
    bench.opens[0]?.settle(new Error('no file'))
    await settled()
    bench.opens[0]?.settle(new Error('still no file'))
    await settled()
    expect(uses.map(({ outcome }) => outcome)).toEqual(['no file', 'still no file'])
    expect(bench.pool.stats()).toMatchObject({ opening: 0, idle: 0, opened: 0 })
  })

  it('evicts the least recently used idle handle when there is no place', async () => {
    const bench = new PoolBench()
    for (const key of ['a', 'b', 'a', 'c']) await bench.touch(key)
    expect(bench.live().map(({ key }) => key)).toEqual(['a', 'c'])
    expect(bench.handles.flatMap(({ closes }) => closes.map(({ reason }) => reason))).toEqual(['evict'])
  })

  it('makes callers wait when every place is pinned, and lets one in for each that ends', async () => {
    const bench = new PoolBench({ handlesMax: 1 })
    const first = await bench.hold('a')
    const waiting = [await bench.hold('b'), await bench.hold('c')]
    expect(bench.pool.stats().waiting).toBe(2)
    first.end()
    await settled()
    expect(waiting.filter(({ handle }) => handle !== undefined)).toHaveLength(1)
    for (const { end } of waiting) end()
    await settled()
    expect(waiting.map(({ outcome }) => outcome)).toEqual(['ended', 'ended'])
  })

  it('turns a caller away when its wait gets too long, and the place still reaches the next one', async () => {
    const bench = new PoolBench({ handlesMax: 1 })
    const first = await bench.hold('a')
    const late = await bench.hold('b')
    bench.clock.advance(10_000)
    const patient = await bench.hold('c')
    bench.clock.advance(5_000)
    await settled()
    expect(late.outcome).toBe('overloaded')
    first.end()
    await settled()
    expect(patient.handle?.key).toBe('c')
  })

  it('turns callers away at once beyond waitersMax', async () => {
    const bench = new PoolBench({ handlesMax: 1, waitersMax: 2 })
    await bench.hold('a')
    const waiting = [await bench.hold('b'), await bench.hold('c'), await bench.hold('d')]
    expect(waiting.map(({ outcome }) => outcome)).toEqual([undefined, undefined, 'overloaded'])
  })

  it('serves keys in the order in which they came, and a newcomer after them', async () => {
    const bench = new PoolBench({ handlesMax: 1 })
    bench.closesAtOnce = false
    const order: string[] = []
    const use = (key: string) => bench.pool.use(key, () => void order.push(key))
    const held = await bench.hold('a')
    const uses = ['b', 'c', 'b', 'd'].map(use)
    held.end()
    for (let close = 0; close < 4; close += 1) {
      await settled()
      bench.live()[0]?.pendingClose?.settle(true)
      if (close === 0) uses.push(use('e'))
    }
    await Promise.all(uses)
    expect(order).toEqual(['b', 'b', 'c', 'd', 'e'])
  })

  it('takes the place of a tenant that is used without any pause, after its turn', async () => {
    const bench = new PoolBench({ handlesMax: 1 })
    let current = await bench.hold('busy')
    const quiet = await bench.hold('quiet')
    const useOn = async (ms: number) => {
      bench.clock.advance(ms)
      const next = await bench.hold('busy')
      current.end()
      await settled()
      current = next
    }
    await useOn(200)
    expect(quiet.handle).toBeUndefined()
    expect(current.handle?.key).toBe('busy')
    await useOn(50)
    expect(quiet.handle?.key).toBe('quiet')
    expect(current.handle).toBeUndefined()
    quiet.end()
    await settled()
    expect(current.handle?.key).toBe('busy')
    expect(bench.complaints).toEqual([])
  })

  it('waits for a handle that is closing, then opens a new one', async () => {
    const bench = new PoolBench()
    bench.closesAtOnce = false
    await bench.touch('a')
    const retired = bench.pool.retire('a', 'fenced')
    const next = await bench.hold('a')
    expect(next.handle).toBeUndefined()
    bench.handles[0]?.pendingClose?.settle(true)
    await retired
    await settled()
    expect(next.handle).toBe(bench.handles[1])
  })

  it('lends a handle that must go to nobody new: the next caller gets one of its own after it', async () => {
    const bench = new PoolBench()
    const last = await bench.hold('a')
    const retired = bench.pool.retire('a', 'fenced')
    const next = await bench.hold('a')
    expect([next.handle, bench.handles.length]).toEqual([undefined, 1])
    last.end()
    await retired
    await settled()
    expect(next.handle).toBe(bench.handles[1])
    expect(bench.complaints).toEqual([])
  })
})

describe('limits', () => {
  it('keeps the bytes of idle handles within bytesMax, and takes one that is larger by itself', async () => {
    const bench = new PoolBench({ handlesMax: 10, bytesMax: 100 })
    bench.bytesOf = (key) => (key === 'big' ? 1_000 : 40)
    for (const key of ['a', 'b', 'c']) await bench.touch(key)
    expect(bench.live().map(({ key }) => key)).toEqual(['b', 'c'])
    await bench.touch('big')
    await settled()
    expect(bench.live().map(({ key }) => key)).toEqual(['big'])
    expect(bench.pool.stats().disposed).toMatchObject({ evict: 3 })
  })

  it('closes a handle after idleMs, tells it of shorter pauses, and then keeps no timer', async () => {
    const bench = new PoolBench({ idleMs: 3_000, sweepMs: 1_000 })
    await bench.touch('a')
    bench.clock.advance(2_000)
    expect(bench.handles[0]?.quietMs).toEqual([1_000, 2_000])
    bench.clock.advance(1_000)
    await settled()
    expect(bench.pool.stats().disposed).toMatchObject({ idle: 1 })
    expect(bench.clock.pending).toBe(0)
  })

  it('does not count the time in use as idle', async () => {
    const bench = new PoolBench({ idleMs: 3_000, sweepMs: 1_000 })
    const use = await bench.hold('a')
    bench.clock.advance(60_000)
    use.end()
    await settled()
    bench.clock.advance(2_000)
    expect(bench.live()).toHaveLength(1)
  })
})

describe('a handle that cannot be closed', () => {
  it('keeps its place, is tried again at the next sweep and not before, and is then replaced', async () => {
    const bench = new PoolBench({ handlesMax: 1 })
    bench.closesAtOnce = false
    await bench.touch('a')
    const next = await bench.hold('b')
    bench.handles[0]?.pendingClose?.settle(false)
    await settled()
    expect(bench.handles[0]?.closes).toHaveLength(1)
    bench.clock.advance(1_000)
    await settled()
    bench.handles[0]?.pendingClose?.settle(true)
    await settled()
    expect(next.handle?.key).toBe('b')
    expect(bench.complaints).toEqual([])
  })

  it('is lent again to those who ask for its key', async () => {
    const bench = new PoolBench({ handlesMax: 1 })
    bench.closesAtOnce = false
    await bench.touch('a')
    await bench.hold('b')
    bench.handles[0]?.pendingClose?.settle(false)
    await settled()
    const again = await bench.hold('a')
    expect(again.handle).toBe(bench.handles[0])
  })

  it('is closed again and again while a verb waits for it, once a sweep, until the verb gives up', async () => {
    const bench = new PoolBench()
    bench.closesAtOnce = false
    await bench.touch('a')
    const verb = bench.pool.retire('a', 'fenced')
    const outcome = expect(verb).rejects.toMatchObject({ code: 'overloaded' })
    for (let second = 0; second < 15; second += 1) {
      bench.handles[0]?.pendingClose?.settle(false)
      await settled()
      bench.clock.advance(1_000)
      await settled()
    }
    await outcome
    expect(bench.handles[0]?.closes.length).toBeLessThanOrEqual(16)
    bench.handles[0]?.pendingClose?.settle(true)
    await settled()
    expect(bench.pool.stats()).toMatchObject({ idle: 0, closing: 0, disposed: { fenced: 1 } })
  })

  it('keeps the place of a handle whose close fails, and closes it again at the next sweep', async () => {
    const bench = new PoolBench({ handlesMax: 1 })
    bench.closesAtOnce = false
    await bench.touch('a')
    const next = await bench.hold('b')
    bench.handles[0]?.pendingClose?.settle(new Error('disk I/O error'))
    await settled()
    expect(next.handle).toBeUndefined()
    bench.clock.advance(1_000)
    await settled()
    bench.handles[0]?.pendingClose?.settle(true)
    await settled()
    expect(next.handle?.key).toBe('b')
  })
})

describe('retire()', () => {
  it('waits for whoever uses the handle, and closes it with the reason', async () => {
    const bench = new PoolBench()
    const use = await bench.hold('a')
    let done = false
    const retired = bench.pool.retire('a', 'delete').then(() => {
      done = true
    })
    await settled()
    expect([done, bench.live().length]).toEqual([false, 1])
    use.end()
    await retired
    expect(bench.handles[0]?.closes.map(({ reason }) => reason)).toEqual(['delete'])
  })

  it('waits for a flight, then closes what it opened', async () => {
    const bench = new PoolBench()
    bench.opensAtOnce = false
    const use = await bench.hold('a')
    const retired = bench.pool.retire('a', 'fenced')
    bench.opens[0]?.settle()
    await settled()
    use.end()
    await retired
    expect(bench.live()).toEqual([])
  })

  it('opens nothing for the key until the verb has done its part', async () => {
    const bench = new PoolBench()
    bench.closesAtOnce = false
    const use = await bench.hold('a')
    const seen: unknown[] = []
    const retired = bench.pool.retire('a', 'fenced', () => void seen.push(bench.handles.length))
    const waiting = [await bench.hold('a'), await bench.hold('a')]
    use.end()
    await settled()
    waiting.push(await bench.hold('a'))
    bench.handles[0]?.pendingClose?.settle(true)
    await retired
    await settled()
    expect(seen).toEqual([1])
    expect(waiting.map(({ handle }) => handle)).toEqual(Array(3).fill(bench.handles[1]))
  })

  it('opens nothing for the key until what the verb began has ended, well or not', async () => {
    for (const outcome of ['well', 'badly']) {
      const bench = new PoolBench()
      await bench.touch('a')
      const part = Promise.withResolvers<void>()
      const retired = bench.pool.retire('a', 'fenced', () => part.promise).catch((error: unknown) => error)
      const waiting = await bench.hold('a')
      await settled()
      expect(bench.handles.length).toBe(1)
      if (outcome === 'well') part.resolve()
      else part.reject(new Error('badly'))
      expect(await retired).toEqual(outcome === 'well' ? undefined : new Error('badly'))
      await settled()
      expect(waiting.handle).toBe(bench.handles[1])
    }
  })

  it('resolves at once for a key that is not open', async () => {
    await expect(new PoolBench().pool.retire('a', 'delete')).resolves.toBeUndefined()
  })

  it('gives up after waitMsMax whatever else happens in the pool; the handle goes when its user is done', async () => {
    const bench = new PoolBench()
    const use = await bench.hold('a')
    const outcome = expect(bench.pool.retire('a', 'fenced')).rejects.toMatchObject({ code: 'overloaded' })
    for (let second = 0; second < 15; second += 1) {
      await bench.touch('b')
      bench.clock.advance(1_000)
    }
    await outcome
    use.end()
    await settled()
    expect(bench.pool.stats().disposed.fenced).toBe(1)
  })
})

describe('drain()', () => {
  it('lets uses end, closes everything with the reason, and turns others away', async () => {
    const bench = new PoolBench()
    await bench.touch('a')
    const use = await bench.hold('b')
    const drained = bench.pool.drain()
    await expect(bench.touch('c')).rejects.toMatchObject({ code: 'unavailable' })
    expect(bench.live().map(({ key }) => key)).toEqual(['b'])
    use.end()
    await drained
    expect(bench.pool.stats()).toMatchObject({ idle: 0, pinned: 0, disposed: { drain: 2 } })
    expect(bench.clock.pending).toBe(0)
  })

  it('turns those who wait for a place away at once', async () => {
    const bench = new PoolBench({ handlesMax: 1 })
    const use = await bench.hold('a')
    const waiting = [await bench.hold('b'), await bench.hold('c'), await bench.hold('d')]
    const drained = bench.pool.drain()
    await settled()
    expect(waiting.map(({ outcome }) => outcome)).toEqual(['unavailable', 'unavailable', 'unavailable'])
    use.end()
    await drained
  })

  it('leaves open what cannot be closed', async () => {
    const bench = new PoolBench()
    bench.closesAtOnce = false
    await bench.touch('a')
    const drained = bench.pool.drain()
    await settled()
    bench.handles[0]?.pendingClose?.settle(false)
    await drained
    expect(bench.pool.stats().disposed.drain).toBe(0)
    expect(bench.clock.pending).toBe(0)
  })
})
