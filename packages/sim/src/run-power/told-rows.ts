/** The workflows of the power cuts: one writes a row and says so, another reads it and tells the world outside. */
import { event, workflow } from '@tenax/workflow'
import { z } from 'zod'
import type { OutsideLine } from './witness.ts'

/** Says that a row is there. Its key is the row. */
export const written = event('written', z.object({ row: z.number() }))

const input = z.object({ row: z.number() })

/** The workflows, whose steps give their lines to `tell`. */
export function toldRows(tell: (line: OutsideLine) => void) {
  const writer = workflow({ name: 'writer', input }, async (ctx, { row }) => {
    await ctx.tx('write', (db) => db.run('INSERT INTO entry VALUES (?)', row).changes)
    await ctx.send('say', written, { key: String(row) }, { row })
  })
  const reader = workflow({ name: 'reader', input }, async (ctx, { row }) => {
    const said = await ctx.waitFor(written, { key: String(row), lookback: '1h' })
    const found = await ctx.tx(
      'read',
      (db) => db.get<{ n: number }>('SELECT n FROM entry WHERE n = ?', said?.row)?.n ?? -1,
    )
    const line = { tenant: ctx.run.tenant, run: ctx.run.id, row: found }
    await ctx.step('told', () => tell({ ...line, step: 'told' }))
    const kinds = ['red', 'blue']
    await ctx.map('each', kinds, { key: (kind) => kind }, (each, kind) =>
      each.step(kind, () => tell({ ...line, step: kind })),
    )
    try {
      await ctx.step('once', () => tell({ ...line, step: 'once' }), { atMostOnce: true })
      return 'done'
    } catch {
      return 'interrupted'
    }
  })
  return [writer, reader]
}
