/** The saga under fire: a race of reservations, a booking in SQL, a charge and a child, all of which can be undone. */
import { workflow } from '@tenax/workflow'
import { z } from 'zod'

/** The world outside: what is held and charged, by the idempotency key of who did it. */
export class World {
  /** Names of steps that fail. */
  readonly broken = new Set<string>()
  readonly #held = new Map<string, string>()
  readonly #undone = new Set<string>()

  /** Happens once per key. */
  act(run: string, name: string, key: string): string {
    if (this.broken.has(name)) throw new Error(`${name} is broken`)
    this.#held.set(key, `${run} ${name}`)
    return key
  }

  /** Undoes what was done under this key, whether or not it was. */
  undo(name: string, key: string): void {
    if (this.broken.has(name)) throw new Error(`${name} is broken`)
    this.#undone.add(key)
  }

  /** What of a run was done and not undone, in order of names. */
  left(run: string): string[] {
    const kept = [...this.#held].filter(([key]) => !this.#undone.has(key)).map(([, what]) => what.split(' '))
    return kept
      .filter(([of]) => of === run)
      .map(([, name = '']) => name)
      .sort()
  }
}

const input = z.object({ fails: z.boolean() })
const once = { retry: false } as const

/** The saga and its child, over `world`. Their table is `booked (run TEXT, amount INTEGER)`. */
export function sagaWorkflows(world: World) {
  const courier = workflow({ name: 'courier', input: z.object({ parent: z.string() }) }, async (ctx, { parent }) => {
    await ctx.step('dispatch', (attempt) => world.act(parent, 'dispatch', attempt.idempotencyKey), {
      ...once,
      compensate: async (c, { idempotencyKey }) =>
        void (await c.step('recall', () => world.undo('recall', idempotencyKey), once)),
    })
    await ctx.sleep('ride', 3)
    return 'there'
  })
  const saga = workflow({ name: 'saga', input }, async (ctx, { fails }) => {
    const { id } = ctx.run
    const undoable = (name: string, undo: string) =>
      ctx.step(
        name,
        async (attempt) => {
          const key = world.act(id, name, attempt.idempotencyKey)
          // The other one has a chance to be under way, too.
          for (let turn = 0; turn < (name === 'seat-a' ? 8 : 2); turn += 1)
            await new Promise((resolve) => setImmediate(resolve))
          return key
        },
        {
          ...once,
          compensate: async (c, { idempotencyKey }) =>
            void (await c.step(undo, () => world.undo(undo, idempotencyKey), once)),
        },
      )
    const { key } = await ctx.race({ a: undoable('seat-a', 'release'), b: undoable('seat-b', 'release') })
    await ctx.tx('book', (db) => db.run('INSERT INTO booked VALUES (?, 1)', id).changes, {
      compensate: async (c) =>
        void (await c.tx('unbook', (db) => db.run('INSERT INTO booked VALUES (?, -1)', id).changes)),
    })
    await undoable('charge', 'refund')
    await ctx.child('courier', courier, { parent: id })
    await ctx.sleep('a while', 1)
    if (fails) throw new Error('no')
    return key
  })
  return [saga, courier]
}
