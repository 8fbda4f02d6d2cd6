/** Bare Hono, the peer of the bench: what HTTP in this runtime costs before any of Tenax runs. */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const app = new Hono()
app.get('/', (context) => context.text('hello'))
app.post('/echo', async (context) => context.json(await context.req.json()))

const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => {
  process.stdout.write(`${JSON.stringify({ event: 'listening', port, pid: process.pid })}\n`)
})
process.once('SIGTERM', () => server.close())
