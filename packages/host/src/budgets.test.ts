/** What requests may take together: bytes of bodies that are being read, bytes of the results of one Hrana body. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTenants, execute, type HostBed, member, openHost, pipe, rowsOf, send } from './fixtures/host-bed.ts'
import { JSON_BODIES_BYTES_MAX, JSON_BODY_BYTES_MAX } from './limits.ts'

const REPLY_BYTES_MAX = 100_000
let bed: HostBed
beforeAll(async () => {
  bed = await openHost({ replyBytesMax: REPLY_BYTES_MAX })
  await createTenants(bed, 'acme')
  await rowsOf(bed, 'acme', 'create table t (a)')
})
afterAll(() => bed[Symbol.asyncDispose]())

/** Bodies that arrive when the test says so. */
function slowBodies(count: number, text: string) {
  const gate = Promise.withResolvers<void>()
  const started = { count: 0 }
  const bodies = Array.from(
    { length: count },
    () =>
      new ReadableStream<Uint8Array>({
        async pull(controller) {
          started.count += 1
          await gate.promise
          controller.enqueue(new TextEncoder().encode(text))
          controller.close()
        },
      }),
  )
  const allStarted = async () => {
    while (started.count < count) await new Promise((resolve) => setImmediate(resolve))
  }
  return { bodies, allStarted, arrive: gate.resolve }
}

describe('bodies that are being read', () => {
  const COUNT_MAX = JSON_BODIES_BYTES_MAX / JSON_BODY_BYTES_MAX
  const json = { sql: 'select 1' }

  test('of no declared length count as the longest; one too many is overloaded, and all is well when they have come', async () => {
    const { bodies, allStarted, arrive } = slowBodies(COUNT_MAX, JSON.stringify(json))
    const replies = bodies.map((body) => send(bed, 'POST /t/acme/query', { body }))
    await allStarted()
    const refused = await send(bed, 'POST /t/acme/query', { json, headers: { 'content-length': '18' } })
    expect([refused.status, member(refused.json, 'code')]).toEqual([503, 'overloaded'])
    expect(refused.headers.get('retry-after')).toBe('1')
    expect((await send(bed, 'GET /v1/tenants')).status).toBe(200)
    arrive()
    expect((await Promise.all(replies)).map(({ status }) => status)).toEqual(Array(COUNT_MAX).fill(200))
    expect((await send(bed, 'POST /t/acme/query', { json })).status).toBe(200)
  })

  test('of a declared length count as that', async () => {
    const text = JSON.stringify(json)
    const { bodies, allStarted, arrive } = slowBodies(COUNT_MAX + 10, text)
    const headers = { 'content-length': String(text.length) }
    const replies = bodies.map((body) => send(bed, 'POST /t/acme/query', { body, headers }))
    await allStarted()
    expect((await send(bed, 'POST /t/acme/query', { json })).status).toBe(200)
    arrive()
    for (const { status } of await Promise.all(replies)) expect(status).toBe(200)
  })

  test('give back what they took when they break off, are too long, or are no JSON', async () => {
    const broken = () => new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error('gone')) })
    const long = () => new Uint8Array(JSON_BODY_BYTES_MAX + 1)
    for (let round = 0; round < 2 * COUNT_MAX; round += 1) {
      const body = round % 3 === 0 ? broken() : round % 3 === 1 ? ReadableStream.from([long()]) : '{'
      expect([400, 413]).toContain((await send(bed, 'POST /t/acme/query', { body })).status)
    }
    expect((await send(bed, 'POST /t/acme/query', { json })).status).toBe(200)
  })

  test.for(['-1000000', '1e3', '0x10', '12abc', ''])('with a length of "%s" count as of none', async (length) => {
    const { bodies, allStarted, arrive } = slowBodies(COUNT_MAX, JSON.stringify(json))
    const headers = { 'content-length': length }
    const replies = bodies.map((body) => send(bed, 'POST /t/acme/query', { body, headers }))
    await allStarted()
    expect((await send(bed, 'POST /t/acme/query', { json })).status).toBe(503)
    arrive()
    for (const { status } of await Promise.all(replies)) expect(status).toBe(200)
  })
})

describe('the results of one Hrana body', () => {
  const half = execute(`select zeroblob(${REPLY_BYTES_MAX * 0.6})`)
  const insert = execute('insert into t values (1)')
  const TOO_LARGE = { type: 'error', error: expect.objectContaining({ code: 'REPLY_TOO_LARGE' }) }

  test('have one budget: beyond it nothing more is run, and the next body has its own', async () => {
    const { baton, results } = await pipe(bed, 'acme', [half, half, insert, half])
    expect(results).toMatchObject([{ type: 'ok' }, { type: 'ok' }, TOO_LARGE, TOO_LARGE])
    expect(await rowsOf(bed, 'acme', 'select count(*) from t')).toEqual([[0]])
    const next = await pipe(bed, 'acme', [half, { type: 'close' }], { baton: baton ?? null })
    expect(next.results[0]).toMatchObject({ type: 'ok' })
  })

  test('count rows that are wanted only', async () => {
    const unwanted = execute(`select zeroblob(${REPLY_BYTES_MAX * 0.6})`, { want_rows: false })
    const { results } = await pipe(bed, 'acme', [unwanted, unwanted, unwanted, half, { type: 'close' }])
    expect(results).toMatchObject([{ type: 'ok' }, { type: 'ok' }, { type: 'ok' }, { type: 'ok' }, { type: 'ok' }])
  })

  test('count the steps of a batch, and of a cursor', async () => {
    const sql = `select '${'x'.repeat(1_000)}' from json_each('[${Array(60).fill(0).join()}]')`
    const batch = { steps: Array.from({ length: 4 }, () => ({ stmt: { sql } })) }
    const { results } = await pipe(bed, 'acme', [{ type: 'batch', batch }, { type: 'close' }])
    expect(results[0]).toMatchObject({
      type: 'ok',
      response: { result: { step_errors: [null, null, TOO_LARGE.error, TOO_LARGE.error] } },
    })
    const { json } = await send(bed, 'POST /t/acme/v3/cursor', { json: { batch } })
    const errors = Array.isArray(json) ? json.filter((line) => member(line, 'type') === 'step_error') : []
    expect(errors).toMatchObject([
      { step: 2, error: TOO_LARGE.error },
      { step: 3, error: TOO_LARGE.error },
    ])
  })
})
