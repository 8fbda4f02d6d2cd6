/** A trial of 14 days that ends early when somebody upgrades, and then asks for money up to four times. */
import { event, StepError, workflow } from 'tenax'
import { z } from 'zod'
import { mail, pay } from './fakes.ts'

export const upgraded = event('upgraded', z.object({ plan: z.enum(['pro', 'team']) }))

export const trial = workflow(
  {
    name: 'trial',
    input: z.object({ customer: z.string(), email: z.email() }),
    limits: { singleton: { key: (input) => input.customer, onConflict: 'existing' } },
  },
  async (ctx, { customer, email }) => {
    const { id } = await ctx.tx('open', (db) =>
      db.one<{ id: number }>('INSERT INTO sub (c) VALUES (?) RETURNING id', customer),
    )
    const first = await ctx.race({
      upgraded: ctx.waitFor(upgraded, { key: customer }),
      ended: ctx.sleep('trial', '14d'),
    })
    if (first.key === 'upgraded') ctx.set('plan', first.value?.plan ?? null)
    for (const [attempt, gap] of (['0s', '3d', '5d', '7d'] as const).entries()) {
      await ctx.sleep(`before charge ${attempt}`, gap)
      try {
        const charge = await ctx.step('charge', (a) => pay.charge(customer, 4900, a.idempotencyKey), {
          key: String(attempt),
          retry: { attempts: 3 },
          compensate: async (c, { result }) => {
            if (result) await c.step('refund', (a) => pay.refund(result.id, a.idempotencyKey))
          },
        })
        ctx.log('charged', { at: charge.at })
        await ctx.tx('paid', (db) => db.run('UPDATE sub SET paid = 1 WHERE id = ?', id).changes)
        return { paid: true }
      } catch (error) {
        if (!(error instanceof StepError)) throw error
        await ctx.step('dun', (a) => mail.send(email, 'please pay', a.idempotencyKey), { key: String(attempt) })
      }
    }
    return { paid: false }
  },
)
