/** `close()` while tenants are in use: what still ends, what is given up, and who has the data directory afterwards. */
import { ManualClock } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { codeOf, createTenants, execute, type HostBed, openHost, pipe } from './fixtures/host-bed.ts'
import { createTenax } from './index.ts'

/** Runs for a second or so on any machine, and answers with its number. */
const SLOW = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) SELECT count(*) FROM n'

/** Whether another host may open the data directory now: `free`, or the code that it is refused with. */
async function lockOf({ dataPath }: HostBed): Promise<unknown> {
  try {
    await (await createTenax({ data: dataPath })).close()
    return 'free'
  } catch (error) {
    return codeOf(Promise.reject(error))
  }
}

async function until(claim: () => boolean): Promise<void> {
  while (!claim()) await new Promise((resolve) => setImmediate(resolve))
}

/** Closes, and lets the clock go on, second by second, until all patience is over. */
async function closeImpatiently({ tenax }: HostBed, clock: ManualClock): Promise<unknown> {
  const before = clock.pending
  const closed = codeOf(tenax.close())
  await until(() => clock.pending > before)
  for (let second = 0; second < 15; second += 1) {
    clock.advance(1_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return closed
}

/** A host with one tenant whose clock moves only by hand. */
async function openByHand() {
  const clock = new ManualClock()
  const bed = await openHost({ clock, queryTimeoutMs: 60_000 })
  await createTenants(bed, 'acme')
  return { bed, clock }
}

test('a download that nobody reads is cut off by close(), and the data directory is free', async () => {
  const { bed, clock } = await openByHand()
  await bed.tenax.tenant('acme').query('create table big as select zeroblob(1000000) as bytes') // more than one piece
  const response = await bed.fetch(new Request('http://localhost/v1/tenants/acme/export'))
  expect(response.status).toBe(200)
  expect(await closeImpatiently(bed, clock)).toBe('resolved with undefined')
  await expect(response.arrayBuffer()).rejects.toThrow()
  expect(await lockOf(bed)).toBe('free')
  await bed[Symbol.asyncDispose]()
})

test('a download that is read while close() waits comes to its end', async () => {
  const { bed } = await openByHand()
  const response = await bed.fetch(new Request('http://localhost/v1/tenants/acme/export'))
  const closed = bed.tenax.close()
  expect((await response.arrayBuffer()).byteLength).toBe(Number(response.headers.get('content-length')))
  await closed
  expect(await lockOf(bed)).toBe('free')
  await bed[Symbol.asyncDispose]()
})

test('what cannot be ended in time keeps the directory locked: close() says so, and works when called again', async () => {
  const { bed, clock } = await openByHand()
  const query = bed.tenax.tenant('acme').query(SLOW)
  expect(await closeImpatiently(bed, clock)).toBe('unavailable')
  expect(await lockOf(bed)).toBe('data_in_use')
  expect((await query).rows).toEqual([[2_000_000n]])
  await bed.tenax.close()
  expect(await lockOf(bed)).toBe('free')
  await bed[Symbol.asyncDispose]()
})

test('an open transaction is rolled back by close(), whether its stream rests or is being used', async () => {
  const { bed } = await openByHand()
  await createTenants(bed, 'other')
  for (const id of ['acme', 'other']) await bed.tenax.tenant(id).query('create table t (a)')
  const begin = [execute('begin'), execute('insert into t values (1)')]
  await pipe(bed, 'acme', begin)
  const { baton } = await pipe(bed, 'other', begin)
  const used = pipe(bed, 'other', [execute(SLOW)], { baton: baton ?? null })
  await createTenants(bed, 'later') // the answer to a later request: that one has been taken in by now
  await bed.tenax.close()
  expect(await used).toMatchObject({ baton: null, results: [{ type: 'ok' }] })
  const again = await createTenax({ data: bed.dataPath })
  for (const id of ['acme', 'other']) {
    expect((await again.tenant(id).query('select count(*) from t')).rows).toEqual([[0n]])
  }
  await again.close() // before its directory goes
  await bed[Symbol.asyncDispose]()
})
