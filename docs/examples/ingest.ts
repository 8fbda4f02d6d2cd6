/** Takes a document apart, and keeps a vector of each page: 50 at a time, each page by itself. */
import { workflow } from 'tenax'
import { z } from 'zod'
import { ai, fetchPages, page } from './fakes.ts'

export const ingest = workflow(
  { name: 'ingest', input: z.object({ doc: z.string(), url: z.url() }) },
  async (ctx, { doc, url }) => {
    const count = await ctx.step('split', () => fetchPages(url))
    const pages = Array.from({ length: count }, (_, index) => index)
    const results = await ctx.mapSettled('page', pages, { key: String, concurrency: 50 }, async (c, index) => {
      const vector = await c.step('embed', async (a) => ai.embed(await page(url, index), a.signal), {
        uses: 'openai',
        retry: { attempts: 4 },
      })
      await c.tx(
        'store',
        (db) => db.run('INSERT INTO chunk VALUES (?, ?, ?)', doc, index, JSON.stringify(vector)).changes,
      )
      return index
    })
    return { pages: count, failed: results.filter((result) => !result.ok).length }
  },
)
