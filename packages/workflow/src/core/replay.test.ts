/** WORKFLOWS, test B: random bodies, crashed after every commit, and changed under way. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Crash, Driver, type DriverOptions } from './fixtures/driver.ts'
import { bodyOf, type Mutation, mutate, type Node, performBy, pickBy, programs } from './fixtures/programs.ts'
import type { Turn } from './history.ts'

const RUNS = 300

interface Case {
  readonly program: Node
  readonly seed: string
  readonly batches: readonly number[]
  readonly cancelAt: number | undefined
}

const cases: fc.Arbitrary<Case> = fc.record({
  program: programs,
  seed: fc.string({ maxLength: 4 }),
  batches: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
  cancelAt: fc.option(fc.nat({ max: 8 }), { nil: undefined }),
})

function optionsOf({ program, seed, batches, cancelAt }: Case): DriverOptions {
  return {
    body: bodyOf(program),
    perform: performBy(seed),
    pick: pickBy(seed),
    batch: (completedCount) => batches[completedCount % batches.length] ?? 1,
    ...(cancelAt === undefined ? {} : { cancelAt }),
  }
}

async function recordOf(one: Case, crash: Crash) {
  const driver = new Driver({ ...optionsOf(one), crash })
  const { state } = await finish(driver)
  const { rows, outputs, performed, patches, cancelledAfter, skipped } = driver
  return { state, rows, outputs, performed, patches, cancelledAfter, skipped }
}

/** Drives a run to its end, and skips what holds it up. */
async function finish(driver: Driver): Promise<Turn> {
  let turn = await driver.run()
  while (turn.state.type === 'stuck') {
    driver.skipped.push(turn.state.compensated)
    turn = await driver.run()
  }
  return turn
}

for (const crash of ['after each commit', 'before each delivery'] as const) {
  test(`a run that crashes ${crash} comes to what the uninterrupted run comes to`, async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (one) => {
        expect(await recordOf(one, crash)).toEqual(await recordOf(one, 'never'))
      }),
      { numRuns: RUNS },
    )
  })
}

test('a replay of every record on the way is silent, and goes on with what is open', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async (one) => {
      const driver = new Driver(optionsOf(one))
      let turn: Turn | undefined = await driver.restart()
      while (turn !== undefined) {
        const before = turn
        const open = driver.openSeqs
        turn = await driver.restart()
        const quiet = { asked: [], dropped: [], cancelled: [], cancelledAfter: undefined, outputs: [], patches: {} }
        expect(turn).toMatchObject({ state: before.state, isCompensating: before.isCompensating, ...quiet })
        expect(turn.reopened.map(({ seq }) => seq)).toEqual(open)
        turn = await driver.step(turn)
      }
    }),
    { numRuns: RUNS },
  )
})

test('a changed body either diverges, with nothing new, or does what it would have done from the start', async () => {
  const mutations = fc.constantFrom<Mutation>('insert', 'delete', 'swap', 'rename', 'sleep')
  const counts = { diverged: 0, went: 0 }
  await fc.assert(
    fc.asyncProperty(cases, mutations, fc.nat(), fc.nat({ max: 12 }), async (given, mutation, place, steps) => {
      const one = { ...given, cancelAt: undefined }
      const driver = new Driver(optionsOf(one))
      let turn = await driver.restart()
      for (let step = 0; step < steps && turn.state.type === 'waiting'; step += 1)
        turn = (await driver.step(turn)) ?? turn
      // Nobody goes on with a run that has ended: what it dropped then, changed code might use.
      fc.pre(turn.state.type === 'waiting')
      const program = mutate(one.program, mutation, place)
      const before = structuredClone({ rows: driver.rows, outputs: driver.outputs })
      driver.body = bodyOf(program)
      turn = await driver.restart()
      if (turn.state.type === 'diverged') {
        counts.diverged += 1
        expect({ rows: driver.rows, outputs: driver.outputs }).toEqual(before)
        expect([turn.asked, turn.reopened, turn.dropped, turn.outputs]).toEqual([[], [], [], []])
        return
      }
      counts.went += 1
      const { state } = await finish(driver)
      expect(state.type).not.toBe('diverged')
      const order = completionOrder(driver)
      const fresh = new Driver({ ...optionsOf({ ...one, program, batches: [1] }), pick: () => undefined })
      fresh.skipped.push(...driver.skipped)
      await follow(fresh, order, performBy(one.seed))
      expect(fresh.rows.map(shape)).toEqual(driver.rows.map(shape))
    }),
    { numRuns: RUNS },
  )
  expect(Math.min(counts.diverged, counts.went)).toBeGreaterThan(RUNS / 10)
})

function completionOrder({ rows }: Driver): string[] {
  const done = rows.flatMap(({ identity, completion }) => (completion ? [{ identity, number: completion.number }] : []))
  return done.sort((a, b) => a.number - b.number).map(({ identity }) => identity)
}

async function follow(driver: Driver, order: readonly string[], perform: ReturnType<typeof performBy>): Promise<void> {
  await driver.restart()
  for (const identity of order) {
    const asked = driver.turns.flatMap((turn) => turn.asked).find((one) => one.identity === identity)
    if (asked === undefined) throw new Error(`${identity} was not asked for`)
    await driver.deliver(identity, perform(asked))
  }
}

function shape({ seq, identity, kind, hash, isDropped }: Driver['rows'][number]) {
  return { seq, identity, kind, hash, isDropped }
}
