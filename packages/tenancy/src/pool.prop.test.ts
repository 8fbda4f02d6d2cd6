import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type HeldUse, PoolBench, settled } from './fixtures/fake-handles.ts'
import type { DisposalReason } from './pool-port.ts'

const KEYS = ['a', 'b', 'c', 'd', 'e'] as const
const REASONS = ['fenced', 'delete'] as const

/** A pool, those who use it, and those who wait for a handle to go. */
class Scene {
  readonly bench: PoolBench
  readonly uses: HeldUse[] = []
  retiresUnderWay = 0

  constructor(limits: { handlesMax: number; bytesMax: number; waitersMax: number }) {
    this.bench = new PoolBench({ ...limits, idleMs: 3_000, sweepMs: 1_000, waitMsMax: 5_000 })
    this.bench.opensAtOnce = false
    this.bench.closesAtOnce = false
    this.bench.bytesOf = (key) => 20 * (KEYS.map(String).indexOf(key) + 1)
  }

  closing() {
    return this.bench.handles.flatMap((handle) => (handle.pendingClose === undefined ? [] : [handle.pendingClose]))
  }

  retire(key: string, reason: DisposalReason): void {
    this.retiresUnderWay += 1
    this.bench.pool
      .retire(key, reason)
      .catch(() => undefined) // whoever uses it took too long: the verb answers `overloaded`
      .finally(() => {
        this.retiresUnderWay -= 1
      })
  }

  check(): void {
    const { bench } = this
    const stats = bench.pool.stats()
    expect(bench.complaints).toEqual([])
    expect(bench.places()).toBeLessThanOrEqual(bench.settings.handlesMax)
    expect(stats.idle + stats.stuck + stats.pinned + stats.opening + stats.closing).toBe(bench.places())
    expect(stats.waiting).toBeLessThanOrEqual(bench.settings.waitersMax)
    expect(stats.closing).toBe(this.closing().length)
  }

  /** Lets everything succeed, and says whether everybody was served without the help of a timeout. */
  async finish(): Promise<void> {
    for (;;) {
      const open = this.bench.opens[0]
      const close = this.closing()[0]
      const use = this.uses.find(({ handle, outcome }) => handle !== undefined && outcome === undefined)
      if (open === undefined && close === undefined && use === undefined) break
      open?.settle()
      close?.settle(true)
      use?.end()
      await settled()
      this.check()
    }
  }
}

class Step implements fc.AsyncCommand<object, Scene> {
  readonly name: string
  readonly act: (scene: Scene) => Promise<void> | void

  constructor(name: string, act: (scene: Scene) => Promise<void> | void) {
    this.name = name
    this.act = act
  }

  check(): boolean {
    return true
  }

  async run(_model: object, scene: Scene): Promise<void> {
    await this.act(scene)
    await settled()
    scene.check()
  }

  toString(): string {
    return this.name
  }
}

const key = fc.constantFrom(...KEYS)
const index = fc.nat(20)
const steps = fc.commands<object, Scene, false>(
  [
    key.map((each) => new Step(`use ${each}`, async (scene) => void scene.uses.push(await scene.bench.hold(each)))),
    key.map((each) => new Step(`use ${each}`, async (scene) => void scene.uses.push(await scene.bench.hold(each)))),
    index.map((at) => new Step(`end ${at}`, (scene) => pick(lasting(scene), at)?.end())),
    index.map((at) => new Step(`end also ${at}`, (scene) => pick(lasting(scene), at)?.end())),
    index.map((at) => new Step(`opened ${at}`, (scene) => pick(scene.bench.opens, at)?.settle())),
    index.map((at) => new Step(`opened also ${at}`, (scene) => pick(scene.bench.opens, at)?.settle())),
    index.map((at) => new Step(`open fails ${at}`, (scene) => pick(scene.bench.opens, at)?.settle(new Error('no')))),
    index.map((at) => new Step(`closed ${at}`, (scene) => pick(scene.closing(), at)?.settle(true))),
    index.map((at) => new Step(`close refuses ${at}`, (scene) => pick(scene.closing(), at)?.settle(false))),
    index.map((at) => new Step(`close fails ${at}`, (scene) => pick(scene.closing(), at)?.settle(new Error('no')))),
    fc
      .tuple(key, fc.constantFrom(...REASONS))
      .map(([each, reason]) => new Step(`retire ${each} ${reason}`, (scene) => scene.retire(each, reason))),
    fc.constantFrom(500, 1_000, 4_000).map((ms) => new Step(`advance ${ms}`, (scene) => scene.bench.clock.advance(ms))),
  ],
  { maxCommands: 60, size: 'max' },
)

const limits = fc.record({
  handlesMax: fc.integer({ min: 1, max: 4 }),
  bytesMax: fc.constantFrom(50, 100, 10_000),
  waitersMax: fc.constantFrom(1, 3, 100),
})

function pick<T>(list: readonly T[], at: number): T | undefined {
  return list[at % Math.max(1, list.length)]
}

function lasting(scene: Scene): HeldUse[] {
  return scene.uses.filter(({ handle, outcome }) => handle !== undefined && outcome === undefined)
}

test('no order of uses, failures and retirements breaks the limits, closes a handle in use or loses a wake-up', async () => {
  await fc.assert(
    fc.asyncProperty(limits, steps, async (limited, commands) => {
      const scene = new Scene(limited)
      await fc.asyncModelRun(() => ({ model: {}, real: scene }), commands)
      await scene.finish()
      scene.bench.clock.advance(1_000) // the sweep tries again what could not be closed
      await settled()
      await scene.finish()
      expect(scene.uses.filter(({ outcome }) => outcome === undefined)).toEqual([])
      expect(scene.retiresUnderWay).toBe(0)
      const drained = scene.bench.pool.drain()
      await settled()
      await scene.finish()
      await drained
      expect(scene.bench.live()).toEqual([])
      expect(scene.bench.clock.pending).toBe(0)
    }),
    { numRuns: 300 },
  )
})
