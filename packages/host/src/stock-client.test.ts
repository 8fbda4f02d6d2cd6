/** `@libsql/client/http` as everybody installs it, on a host: statements, batches, scripts, migrations, errors. */
import { createClient, LibsqlBatchError } from '@libsql/client/http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codeOf, createTenants, type HostBed, ORIGIN, openHost, send, stockClient } from './fixtures/host-bed.ts'

const ENDLESS = 'with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n'

let bed: HostBed
let tenantCount = 0
beforeAll(async () => {
  bed = await openHost({ queryTimeoutMs: 200, replyRowsMax: 1_000, replyBytesMax: 100_000 })
})
afterAll(() => bed[Symbol.asyncDispose]())

/** The stock client on a new tenant with one table. */
async function newClient() {
  tenantCount += 1
  const id = `t${tenantCount}`
  await createTenants(bed, id)
  const client = stockClient(bed, id)
  await client.execute('create table item (id integer primary key, name text not null unique, price real)')
  return { id, client }
}

test('execute answers columns, their declared types, rows by name and by position', async () => {
  const { client } = await newClient()
  await client.execute("insert into item values (1, 'pen', 1.5), (2, 'ink', null)")
  const { columns, columnTypes, rows } = await client.execute(
    'select id, name, price, 1 + 1 as two from item order by id',
  )
  expect(columns).toEqual(['id', 'name', 'price', 'two'])
  expect(columnTypes.map((type) => type.toLowerCase())).toEqual(['integer', 'text', 'real', ''])
  expect(rows.map((row) => ({ ...row }))).toEqual([
    { id: 1, name: 'pen', price: 1.5, two: 2 },
    { id: 2, name: 'ink', price: null, two: 2 },
  ])
  expect(rows[0]?.[1]).toBe('pen')
  expect(rows[0]?.length).toBe(4)
})

test('execute answers rows affected and the last rowid of a write, and neither for a read', async () => {
  const { client } = await newClient()
  const inserted = await client.execute("insert into item (name) values ('a'), ('b'), ('c')")
  expect([inserted.rowsAffected, inserted.lastInsertRowid]).toEqual([3, 3n])
  const updated = await client.execute("update item set price = 2 where name <> 'a'")
  expect(updated.rowsAffected).toBe(2)
  const deleted = await client.execute('delete from item')
  expect(deleted.rowsAffected).toBe(3)
  const read = await client.execute('select * from item')
  expect([read.rowsAffected, read.lastInsertRowid]).toEqual([0, undefined])
})

test('two columns of one name are both in the row by position', async () => {
  const { client } = await newClient()
  const { columns, rows } = await client.execute('select 1 as x, 2 as x')
  expect(columns).toEqual(['x', 'x'])
  expect([rows[0]?.[0], rows[0]?.[1]]).toEqual([1, 2])
})

test('RETURNING answers the rows that a write made', async () => {
  const { client } = await newClient()
  const { rows, rowsAffected } = await client.execute(
    "insert into item (name) values ('a'), ('b') returning id, upper(name) as loud",
  )
  expect(rows.map((row) => ({ ...row }))).toEqual([
    { id: 1, loud: 'A' },
    { id: 2, loud: 'B' },
  ])
  expect(rowsAffected).toBe(2)
})

test.for(['write', 'deferred', 'read'] as const)(
  'a batch in mode %s answers one result per statement',
  async (mode) => {
    const { client } = await newClient()
    const results = await client.batch(
      ['select 1 as one', { sql: 'select ? as given', args: ['x'] }, ['select 3', []]],
      mode,
    )
    expect(results.map(({ rows }) => rows[0]?.[0])).toEqual([1, 'x', 3])
  },
)

test.for(['write', 'deferred'] as const)('a batch in mode %s is one transaction', async (mode) => {
  const { client } = await newClient()
  const [, second] = await client.batch(
    ["insert into item (name) values ('a')", 'select count(*) as n from item'],
    mode,
  )
  expect(second?.rows[0]?.['n']).toBe(1)
  const failed = client.batch(
    ["insert into item (name) values ('b')", "insert into item (name) values ('a')", 'delete from item'],
    mode,
  )
  await expect(failed).rejects.toThrow(LibsqlBatchError)
  await expect(failed).rejects.toMatchObject({ statementIndex: 1, code: 'SQLITE_CONSTRAINT' })
  const { rows } = await client.execute('select name from item')
  expect(rows.map((row) => row['name'])).toEqual(['a'])
})

test('a batch in mode read cannot write', async () => {
  const { client } = await newClient()
  expect(await codeOf(client.batch(["insert into item (name) values ('a')"], 'read'))).toBe('SQLITE_READONLY')
  expect((await client.execute('select * from item')).rows).toEqual([])
})

test('a batch rolls back what it did before a syntax error and before a refusal', async () => {
  const { client } = await newClient()
  const insert = "insert into item (name) values ('a')"
  expect(await codeOf(client.batch([insert, 'selec 1']))).toBe('SQLITE_ERROR')
  expect(await codeOf(client.batch([insert, "attach 'x' as y"]))).toBe('SQLITE_AUTH')
  expect(await codeOf(client.batch([insert, ENDLESS]))).toBe('SQLITE_INTERRUPT')
  expect((await client.execute('select * from item')).rows).toEqual([])
})

test('an empty batch answers no results', async () => {
  const { client } = await newClient()
  expect(await client.batch([])).toEqual([])
})

test('executeMultiple runs a script with comments, triggers and semicolons in texts', async () => {
  const { client } = await newClient()
  await client.executeMultiple(`
    -- a comment; with a semicolon
    create table log (line text);
    create trigger item_log after insert on item begin
      insert into log values ('new; ' || new.name);
      insert into log values ('done');
    end;
    insert into item (name) values ('a;b');
    /* the end; */
  `)
  const { rows } = await client.execute('select line from log')
  expect(rows.map((row) => row['line'])).toEqual(['new; a;b', 'done'])
})

test('executeMultiple stops at the first failure and keeps what came before', async () => {
  const { client } = await newClient()
  const script = "insert into item (name) values ('a'); selec; insert into item (name) values ('b');"
  expect(await codeOf(client.executeMultiple(script))).toBe('SQLITE_ERROR')
  const { rows } = await client.execute('select name from item')
  expect(rows.map((row) => row['name'])).toEqual(['a'])
})

test('executeMultiple with its own BEGIN and no COMMIT leaves no transaction behind', async () => {
  const { client } = await newClient()
  await client.executeMultiple("begin; insert into item (name) values ('a');")
  expect((await client.execute('select * from item')).rows).toEqual([])
})

test('migrate rebuilds a table that foreign keys point to, and switches them on again', async () => {
  const { client } = await newClient()
  await client.batch([
    "insert into item (name) values ('a')",
    'create table part (item_id integer references item (id) on delete cascade)',
    'insert into part values (1)',
  ])
  await client.migrate([
    'create table item_new (id integer primary key, name text)',
    'insert into item_new select id, name from item',
    'drop table item',
    'alter table item_new rename to item',
  ])
  expect((await client.execute('select count(*) as n from part')).rows[0]?.['n']).toBe(1)
  expect(await codeOf(client.execute('insert into part values (99)'))).toBe('SQLITE_CONSTRAINT')
  expect((await client.execute('pragma foreign_keys')).rows[0]?.[0]).toBe(1)
})

test('migrate rolls all of its statements back when one fails', async () => {
  const { client } = await newClient()
  expect(await codeOf(client.migrate(['drop table item', 'create table item (id)', 'selec']))).toBe('SQLITE_ERROR')
  expect((await client.execute("insert into item (name) values ('still here')")).rowsAffected).toBe(1)
})

test.for([
  ['a unique constraint', "insert into item (name) values ('a')", 'SQLITE_CONSTRAINT'],
  ['a NOT NULL constraint', 'insert into item (name) values (null)', 'SQLITE_CONSTRAINT'],
  ['a primary key', "insert into item values (1, 'b', 1)", 'SQLITE_CONSTRAINT'],
  ['a type that does not fit', "insert into item (id, name) values ('x', 'c')", 'SQLITE_MISMATCH'],
  ['a syntax error', 'selec 1', 'SQLITE_ERROR'],
  ['a table that is not there', 'select * from nowhere', 'SQLITE_ERROR'],
  ['nothing at all', '', 'SQLITE_ERROR'],
  ['two statements', 'select 1; select 2', 'SQLITE_ERROR'],
  ['a refused statement', "attach 'other.db' as other", 'SQLITE_AUTH'],
  ['a refused function', "select readfile('x')", 'SQLITE_AUTH'],
  ['a write to an engine table', 'update tenax_meta set lsn = 0', 'SQLITE_AUTH'],
  ['a query that never ends', ENDLESS, 'SQLITE_INTERRUPT'],
  [
    'too many rows',
    'with n(i) as (select 1 union all select i+1 from n limit 1001) select i from n',
    'REPLY_TOO_LARGE',
  ],
  ['too many bytes', 'select zeroblob(100001)', 'REPLY_TOO_LARGE'],
] as const)('%s is answered with its code, and the tenant works on', async ([, sql, code]) => {
  const { client } = await newClient()
  await client.execute("insert into item values (1, 'a', 1)")
  expect(await codeOf(client.execute(sql))).toBe(code)
  expect((await client.execute('select count(*) as n from item')).rows[0]?.['n']).toBe(1)
})

test('the message of a failed constraint names its columns', async () => {
  const { client } = await newClient()
  await client.execute("insert into item values (1, 'a', 1)")
  await expect(client.execute("insert into item values (2, 'a', 1)")).rejects.toThrow(
    'SQLITE_CONSTRAINT: UNIQUE constraint failed: item.name',
  )
})

test('an unknown, a suspended and a badly named tenant are told apart', async () => {
  const { id, client } = await newClient()
  expect(await codeOf(stockClient(bed, 'nobody').execute('select 1'))).toBe('TENANT_NOT_FOUND')
  expect(await codeOf(stockClient(bed, 'Nobody').execute('select 1'))).toBe('TENANT_ID_INVALID')
  await send(bed, `POST /v1/tenants/${id}/suspend`)
  expect(await codeOf(client.execute('select 1'))).toBe('TENANT_SUSPENDED')
  await send(bed, `POST /v1/tenants/${id}/resume`)
  expect((await client.execute('select 1')).rows).toHaveLength(1)
})

test('a client URL without its final slash says so', async () => {
  const { id } = await newClient()
  const client = createClient({ url: `${ORIGIN}/t/${id}`, fetch: bed.fetch })
  const failed = client.execute('select 1')
  await expect(failed).rejects.toMatchObject({ code: 'MISSING_TRAILING_SLASH' })
  await expect(failed).rejects.toThrow('the client URL lacks its final slash')
})

test('a closed client and its tenant part without a trace', async () => {
  const { id, client } = await newClient()
  client.close()
  expect(client.closed).toBe(true)
  expect((await stockClient(bed, id).execute('select count(*) as n from item')).rows[0]?.['n']).toBe(0)
})

test('statements of many clients at once are all performed', async () => {
  const { id } = await newClient()
  const clients = Array.from({ length: 20 }, () => stockClient(bed, id))
  const names = clients.flatMap((_, index) => [`${index}-a`, `${index}-b`, `${index}-c`])
  await Promise.all(
    names.map((name, index) =>
      clients[index % clients.length]?.execute({ sql: 'insert into item (name) values (?)', args: [name] }),
    ),
  )
  const { rows } = await stockClient(bed, id).execute('select name from item')
  expect(rows.map((row) => String(row['name'])).sort()).toEqual(names.sort())
})
