import { ManualClock } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { createTenants, openHost, send } from './fixtures/host-bed.ts'
import { approve, approved } from './fixtures/workflows.ts'

test('the end of a run is pushed: who waits hears of it while the clock stands still', async () => {
  await using bed = await openHost({ workflows: [approve], clock: new ManualClock() })
  await createTenants(bed, 'acme')
  const { runs, events } = bed.tenax.tenant('acme')
  const { run } = await runs.start(approve, { key: 'k' })
  const path = `/t/acme/runs/${run.id}`
  const waiting = [
    runs.result(run.id, { timeoutMs: 60_000 }).then(({ status }) => status),
    send(bed, `GET ${path}/result?timeout_ms=30000`).then(({ json }) => json),
    send(bed, `GET ${path}/outputs`, { headers: { accept: 'text/event-stream' } }).then(({ text }) => text),
  ]
  // They are asked before the event is sent: each has its place by the time that this is answered.
  await send(bed, `GET ${path}`)
  await events.send(approved, { by: 'Ada' }, { key: 'k' })
  const [embedded, http, stream] = await Promise.all(waiting)
  expect(embedded).toBe('completed')
  expect(http).toMatchObject({ status: 'completed', output: { by: 'Ada' } })
  expect(stream).toContain('"type":"end","status":"completed"')
})
