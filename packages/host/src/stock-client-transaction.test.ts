/** Interactive transactions through the stock client: their end by commit, rollback, time, and by what happens to a tenant. */
import { ManualClock } from '@tenax/kernel'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codeOf, createTenants, type HostBed, openHost, rowsOf, send, stockClient } from './fixtures/host-bed.ts'

const clock = new ManualClock()
let bed: HostBed
let tenantCount = 0
beforeAll(async () => {
  bed = await openHost({ clock, queryTimeoutMs: 200 })
})
afterAll(() => bed[Symbol.asyncDispose]())

async function newClient() {
  tenantCount += 1
  const id = `t${tenantCount}`
  await createTenants(bed, id)
  const client = stockClient(bed, id)
  await client.execute('create table item (name text unique)')
  const names = () => rowsOf(bed, id, 'select name from item order by name')
  return { id, client, names }
}

const INSERT = "insert into item values ('a')"

test('a committed transaction is seen by others, and only then', async () => {
  const { client, names } = await newClient()
  const transaction = await client.transaction('write')
  await transaction.execute(INSERT)
  await transaction.batch(["insert into item values ('b')", "insert into item values ('c')"])
  expect((await transaction.execute('select count(*) as n from item')).rows[0]?.['n']).toBe(3)
  const waiting = names()
  await transaction.commit()
  expect(await waiting).toEqual([['a'], ['b'], ['c']])
  expect(transaction.closed).toBe(true)
})

test('a transaction that is rolled back has never been', async () => {
  const { client, names } = await newClient()
  const transaction = await client.transaction('write')
  await transaction.execute(INSERT)
  await transaction.rollback()
  expect(await names()).toEqual([])
})

test('a transaction that is closed is rolled back and frees the tenant', async () => {
  const { client, names } = await newClient()
  const transaction = await client.transaction('write')
  await transaction.execute(INSERT)
  transaction.close()
  expect(await names()).toEqual([])
})

test.for(['write', 'deferred', 'read'] as const)('a transaction in mode %s reads and commits', async (mode) => {
  const { client } = await newClient()
  const transaction = await client.transaction(mode)
  expect((await transaction.execute('select count(*) as n from item')).rows[0]?.['n']).toBe(0)
  await transaction.commit()
})

test('a read transaction cannot write', async () => {
  const { client, names } = await newClient()
  const transaction = await client.transaction('read')
  expect(await codeOf(transaction.execute(INSERT))).toBe('SQLITE_READONLY')
  await transaction.commit()
  expect(await names()).toEqual([])
})

test('a statement that fails leaves its transaction open', async () => {
  const { client, names } = await newClient()
  const transaction = await client.transaction('write')
  await transaction.execute(INSERT)
  expect(await codeOf(transaction.execute(INSERT))).toBe('SQLITE_CONSTRAINT')
  expect(await codeOf(transaction.execute('selec'))).toBe('SQLITE_ERROR')
  await transaction.execute("insert into item values ('b')")
  await transaction.commit()
  expect(await names()).toEqual([['a'], ['b']])
})

test('executeMultiple runs inside a transaction', async () => {
  const { client, names } = await newClient()
  const transaction = await client.transaction('write')
  await transaction.executeMultiple("insert into item values ('a'); insert into item values ('b');")
  await transaction.rollback()
  expect(await names()).toEqual([])
})

test('a transaction that is idle for 5 s is rolled back, says so, and frees the tenant', async () => {
  const { client, names } = await newClient()
  const transaction = await client.transaction('write')
  await transaction.execute(INSERT)
  const waiting = names()
  clock.advance(5_000)
  expect(await waiting).toEqual([])
  const failed = transaction.execute("insert into item values ('b')")
  expect(await codeOf(failed)).toBe('TRANSACTION_EXPIRED')
  await expect(failed).rejects.toThrow('was idle for 5000 ms and was rolled back')
  expect(await codeOf(transaction.commit())).toBe('TRANSACTION_CLOSED')
  expect(await names()).toEqual([])
})

test('the commit of a transaction that has expired fails', async () => {
  const { client, names } = await newClient()
  const transaction = await client.transaction('write')
  await transaction.execute(INSERT)
  clock.advance(5_000)
  expect(await codeOf(transaction.commit())).toBe('TRANSACTION_EXPIRED')
  expect(await names()).toEqual([])
})

test('a transaction that is kept busy lives 30 s and no longer', async () => {
  const { client, names } = await newClient()
  const transaction = await client.transaction('write')
  await transaction.execute(INSERT)
  for (let second = 4; second < 30; second += 4) {
    clock.advance(4_000)
    await transaction.execute('select 1')
  }
  clock.advance(2_000)
  await expect(transaction.execute('select 1')).rejects.toThrow('lasted longer than 30000 ms')
  expect(await names()).toEqual([])
})

test('a query that never ends inside a transaction is stopped, and the tenant works on', async () => {
  const { client, names } = await newClient()
  const transaction = await client.transaction('write')
  await transaction.execute(INSERT)
  const endless = 'with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n'
  expect(await codeOf(transaction.execute(endless))).toBe('SQLITE_INTERRUPT')
  await transaction.rollback()
  expect(await names()).toEqual([])
})

test('a transaction that SQLite has ended by itself cannot be committed', async () => {
  const { client, names } = await newClient()
  await client.execute(INSERT)
  const transaction = await client.transaction('write')
  await transaction.execute("insert into item values ('b')")
  expect(await codeOf(transaction.execute("insert or rollback into item values ('a')"))).toBe('SQLITE_CONSTRAINT')
  expect(await codeOf(transaction.commit())).toBe('SQLITE_ERROR')
  expect(await names()).toEqual([['a']])
})

test('a deferred foreign key that is broken at commit rolls the transaction back', async () => {
  const { client, names } = await newClient()
  await client.execute('create table part (name text references item (name) deferrable initially deferred)')
  const transaction = await client.transaction('write')
  await transaction.execute("insert into part values ('nowhere')")
  expect(await codeOf(transaction.commit())).toBe('SQLITE_CONSTRAINT')
  expect(await names()).toEqual([])
  expect((await client.execute('select * from part')).rows).toEqual([])
})

test('transactions of one tenant take turns; those of two tenants do not wait', async () => {
  const [one, other] = [await newClient(), await newClient()]
  const first = await one.client.transaction('write')
  await first.execute(INSERT)
  const neighbour = await other.client.transaction('write')
  await neighbour.execute(INSERT)
  await neighbour.commit()
  const second = await one.client.transaction('write')
  const waiting = second.execute("insert into item select 'after ' || name from item")
  await first.commit()
  await waiting
  await second.commit()
  expect(await one.names()).toEqual([['a'], ['after a']])
})

test('suspending a tenant ends its transaction', async () => {
  const { id, client, names } = await newClient()
  const transaction = await client.transaction('write')
  await transaction.execute(INSERT)
  expect((await send(bed, `POST /v1/tenants/${id}/suspend`)).status).toBe(200)
  expect(await codeOf(transaction.commit())).toBe('TENANT_SUSPENDED')
  await send(bed, `POST /v1/tenants/${id}/resume`)
  expect(await names()).toEqual([])
})

test('deleting a tenant ends its transaction, and a new tenant of that name never sees it', async () => {
  const { id, client } = await newClient()
  const transaction = await client.transaction('write')
  await transaction.execute(INSERT)
  expect((await send(bed, `DELETE /v1/tenants/${id}`)).status).toBe(200)
  await createTenants(bed, id)
  expect(await codeOf(transaction.execute('select 1'))).toBe('TENANT_NOT_FOUND')
  expect(await rowsOf(bed, id, "select count(*) from sqlite_schema where name = 'item'")).toEqual([[0]])
})
