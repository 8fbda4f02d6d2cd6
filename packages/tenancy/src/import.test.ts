import { readFileSync } from 'node:fs'
import { isTenaxError, type TenantId } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { changedBytes, contentOf, databaseBytes, withBytes } from './fixtures/odd-files.ts'
import { idOf, streamOf } from './fixtures/settings.ts'
import { codeOf, filesBelow, gathered, type OpenTenancy, tenancyMaker } from './fixtures/test-bed.ts'

const CHINOOK = readFileSync(new URL('./fixtures/chinook.sqlite', import.meta.url))
const newTenancy = tenancyMaker()
const open = await newTenancy()
let number = 0

/** A new id, so that every test has a tenant of its own. */
const newId = (): TenantId => idOf(`t${++number}`)

async function exported({ tenancy }: OpenTenancy, id: TenantId): Promise<Buffer> {
  return tenancy.export(id, async ({ chunks }) => Buffer.concat(await gathered(chunks)))
}

/** A tenant with one row, and a check that nothing about it has changed. */
async function existing() {
  const id = newId()
  await open.tenancy.create(id)
  await open.sql(id, "CREATE TABLE kept AS SELECT 'old' AS a")
  const record = open.tenancy.get(id)
  const { lineage, lsn } = await open.tenancy.stats(id)
  const files = () => filesBelow(open.dataPath).filter((path) => path.endsWith('.db') || path.startsWith('uploads/'))
  const filesBefore = files()
  const checkUntouched = async () => {
    expect(open.tenancy.get(id)).toEqual(record)
    expect(await open.tenancy.stats(id)).toMatchObject({ lineage, lsn })
    expect(await open.sql(id, 'SELECT a FROM kept')).toEqual([['old']])
    expect(files()).toEqual(filesBefore)
  }
  return { id, checkUntouched }
}

/** Why a file was refused. */
async function refusalOf(id: TenantId, bytes: Uint8Array): Promise<unknown> {
  try {
    await open.tenancy.import(id, streamOf(bytes))
    return 'accepted'
  } catch (error) {
    if (!isTenaxError(error)) throw error
    return error.details['reason'] ?? error.code
  }
}

describe('import of a stranger’s file', () => {
  it('brings all eleven tables of Chinook, row by row equal after an export', async () => {
    const id = newId()
    const { created, record } = await open.tenancy.import(id, streamOf(CHINOOK))
    expect([created, record.state]).toEqual([true, 'warm'])
    const [before, after] = [contentOf(CHINOOK), contentOf(await exported(open, id))]
    expect(before.size).toBe(11)
    expect(after).toEqual(before)
  })

  it('replaces a tenant under a new incarnation and lineage; its old rows and streams are gone', async () => {
    const { id } = await existing()
    const old = open.tenancy.get(id)
    const { session } = await open.tenancy.openSession(id)
    await session.run('SELECT 1', { positional: [], named: [] })
    expect((await open.tenancy.import(id, streamOf(CHINOOK))).created).toBe(false)
    expect(open.tenancy.get(id).incarnation).not.toBe(old.incarnation)
    expect(await codeOf(open.sql(id, 'SELECT a FROM kept'))).toBe('sql_error')
    expect(await open.sql(id, 'SELECT count(*) FROM Artist')).toEqual([[275n]])
    expect(await codeOf(session.run('SELECT 1', { positional: [], named: [] }))).toBe('baton_invalid')
    expect(filesBelow(open.dataPath).filter((path) => path.includes(old.incarnation))).toEqual([])
  })

  it('ends an interactive transaction on the replaced tenant', async () => {
    const { id } = await existing()
    const { session } = await open.tenancy.openSession(id)
    await session.run('BEGIN', { positional: [], named: [] })
    await session.run("INSERT INTO kept VALUES ('lost')", { positional: [], named: [] })
    await open.tenancy.import(id, streamOf(CHINOOK))
    expect(session.endedBy).toMatchObject({ code: 'tenant_in_transition' })
  })

  it.each([512, 1_024, 65_536])('takes pages of %i bytes and makes them 4 KiB', async (pageBytes) => {
    const bytes = databaseBytes((db) => db.exec(`PRAGMA page_size = ${pageBytes}; CREATE TABLE t AS SELECT 7 AS a`))
    const id = newId()
    await open.tenancy.import(id, streamOf(bytes))
    expect(await open.tenancy.stats(id)).toMatchObject({ pageBytes: 4_096 })
    expect(await open.sql(id, 'SELECT a FROM t')).toEqual([[7n]])
  })

  it('takes a file in WAL mode whose WAL was emptied', async () => {
    const bytes = databaseBytes((db) => db.exec('PRAGMA journal_mode = WAL; CREATE TABLE t AS SELECT 7 AS a'))
    expect(bytes[18]).toBe(2)
    const id = newId()
    await open.tenancy.import(id, streamOf(bytes))
    expect(await open.sql(id, 'SELECT a FROM t')).toEqual([[7n]])
  })

  it('takes a file in WAL mode without its -wal as the main file has it', async () => {
    const fill = 'PRAGMA journal_mode = WAL; CREATE TABLE t AS SELECT 7 AS a; PRAGMA wal_checkpoint(TRUNCATE)'
    const early = changedBytes(undefined, (db) => db.exec(`${fill}; INSERT INTO t VALUES (8)`), true)
    const id = newId()
    await open.tenancy.import(id, streamOf(early))
    expect(await open.sql(id, 'SELECT a FROM t')).toEqual([[7n]])
  })

  it('takes rows that are no UTF-8, reads them and exports them', async () => {
    const bytes = databaseBytes((db) => db.exec("CREATE TABLE t(a); INSERT INTO t VALUES (CAST(X'fffe41' AS TEXT))"))
    const id = newId()
    await open.tenancy.import(id, streamOf(bytes))
    expect(await open.sql(id, 'SELECT hex(a), typeof(a) FROM t')).toEqual([['FFFE41', 'text']])
    await codeOf(open.sql(id, 'SELECT a FROM t'))
    expect(await codeOf(exported(open, id))).toBe('ok')
  })

  it('takes an empty database, and one with everything that a schema can hold', async () => {
    const id = newId()
    await open.tenancy.import(id, streamOf(databaseBytes((db) => db.exec('VACUUM'))))
    const rich = databaseBytes((db) =>
      db.exec(`CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT, b TEXT AS (upper(a)) STORED) STRICT;
        CREATE INDEX i ON t(a) WHERE a > 'b'; CREATE VIEW v AS SELECT a FROM t;
        CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t WHERE a = 'x'; END;
        CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES ('quick brown fox');
        INSERT INTO t(a) VALUES ('y'); PRAGMA user_version = 9`),
    )
    await open.tenancy.import(id, streamOf(rich))
    expect(await open.sql(id, "SELECT body FROM f WHERE f MATCH 'brown'")).toEqual([['quick brown fox']])
    await open.sql(id, "INSERT INTO t(a) VALUES ('x'), ('z')")
    expect(await open.sql(id, 'SELECT b FROM t ORDER BY id')).toEqual([['Y'], ['Z']])
    expect(await open.sql(id, 'PRAGMA user_version')).toEqual([[9n]])
  })
})

const plain = databaseBytes((db) => db.exec("CREATE TABLE t(a DEFAULT 'QQQQQQQQ'); INSERT INTO t VALUES ('RRRRRRRR')"))
const damagedPages = Buffer.from(CHINOOK)
damagedPages.fill(0x5a, 40_960, 81_920)

const REFUSED: readonly (readonly [what: string, reason: string, bytes: Uint8Array])[] = [
  ['an empty body', 'not_sqlite', Buffer.alloc(0)],
  ['a text file', 'not_sqlite', Buffer.from('id,name\n1,acme\n'.repeat(50))],
  ['the header alone', 'damaged', CHINOOK.subarray(0, 100)],
  ['half a header', 'not_sqlite', CHINOOK.subarray(0, 50)],
  ['a file cut at half of its pages', 'damaged', CHINOOK.subarray(0, 503_808)],
  ['a file cut inside a page', 'damaged', CHINOOK.subarray(0, CHINOOK.length - 1_000)],
  ['a file with overwritten pages', 'damaged', damagedPages],
  ['zeroes behind the magic', 'damaged', Buffer.concat([CHINOOK.subarray(0, 16), Buffer.alloc(8_192)])],
  ['UTF-16', 'encoding', databaseBytes((db) => db.exec("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(a)"))],
  ['a table tenax_x', 'reserved_name', databaseBytes((db) => db.exec('CREATE TABLE tenax_x(a)'))],
  ['a table TENAX_Meta', 'reserved_name', databaseBytes((db) => db.exec('CREATE TABLE TENAX_Meta(a)'))],
  ['a view tenax_v', 'reserved_name', databaseBytes((db) => db.exec('CREATE VIEW tenax_v AS SELECT 1'))],
  [
    'an index tenax_i',
    'reserved_name',
    databaseBytes((db) => db.exec('CREATE TABLE t(a); CREATE INDEX tenax_i ON t(a)')),
  ],
  [
    'a trigger tenax_t',
    'reserved_name',
    databaseBytes((db) =>
      db.exec('CREATE TABLE t(a); CREATE TRIGGER tenax_t AFTER INSERT ON t BEGIN DELETE FROM t; END'),
    ),
  ],
  [
    'a trigger that writes tenax_meta',
    'definition',
    databaseBytes((db) =>
      db.exec('CREATE TABLE t(a); CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE tenax_meta SET lsn = 0; END'),
    ),
  ],
  ['a schema whose default is no UTF-8', 'definition', withBytes(plain, 'QQQQQQQQ')],
  ['a schema whose table name is no UTF-8', 'definition', withBytes(withBytes(plain, 'tablet'), 'TABLE t')],
  ['a schema that is no SQL', 'damaged', withBytes(plain, 'CREATE TABLE', Buffer.from('CREATE TABEL'))],
  ['a schema that is neither SQL nor UTF-8', 'damaged', withBytes(plain, 'CREATE TABLE')],
]

describe('import refuses', () => {
  it.each(REFUSED)('%s (%s), the tenant untouched', async (_what, reason, bytes) => {
    const { id, checkUntouched } = await existing()
    const refusal = await refusalOf(id, bytes)
    expect(reason === 'definition' ? ['definition', 'damaged'] : [reason]).toContain(refusal)
    await checkUntouched()
  })

  it.each(REFUSED.slice(0, 8))('%s (%s), and makes no tenant of it', async (_what, reason, bytes) => {
    const id = newId()
    expect([await refusalOf(id, bytes), await codeOf(() => open.tenancy.get(id))]).toEqual([reason, 'tenant_not_found'])
  })

  it('a body over the limit, however it is cut, without keeping it', async () => {
    const small = await newTenancy({ importBytesMax: 100_000 })
    for (const pieceBytes of [1_000, 200_000]) {
      expect(await codeOf(small.tenancy.import(newId(), streamOf(CHINOOK, pieceBytes)))).toBe('body_too_large')
    }
    expect(filesBelow(small.dataPath).filter((path) => path.startsWith('uploads/'))).toEqual([])
    expect(small.tenancy.count()).toBe(0)
  })

  it('a database over the page quota', async () => {
    const small = await newTenancy({ file: { pageCountMax: 200 } })
    await expect(small.tenancy.import(newId(), streamOf(CHINOOK))).rejects.toMatchObject({
      details: { reason: 'too_large' },
    })
  })

  it('a body that breaks off, the tenant untouched', async () => {
    const { id, checkUntouched } = await existing()
    const broken = async function* () {
      yield CHINOOK.subarray(0, 100_000)
      throw new Error('connection reset')
    }
    expect(await codeOf(open.tenancy.import(id, broken()))).toBe('connection reset')
    await checkUntouched()
  })
})

describe('import of an own export', () => {
  async function ownExport() {
    const { id } = await existing()
    return { id, bytes: await exported(open, id), stats: await open.tenancy.stats(id) }
  }

  it('rewrites the identity, goes on counting, and can be had beside the original', async () => {
    const { id, bytes, stats } = await ownExport()
    const copy = newId()
    const { record } = await open.tenancy.import(copy, streamOf(bytes))
    const after = await open.tenancy.stats(copy)
    expect(record.incarnation).not.toBe(open.tenancy.get(id).incarnation)
    expect(after.lineage).not.toBe(stats.lineage)
    expect(after.lsn).toBe(stats.lsn + 1n)
    expect(await open.sql(copy, 'SELECT incarnation, lineage FROM tenax_meta')).toEqual([
      [record.incarnation, after.lineage],
    ])
    expect(await open.sql(copy, 'SELECT a FROM kept')).toEqual([['old']])
  })

  const TAMPERED: readonly (readonly [what: string, sql: string, reasons: readonly string[]])[] = [
    ['no meta row', 'DELETE FROM tenax_meta', ['engine_rows']],
    ['a second meta row', "INSERT INTO tenax_meta VALUES (2, 1, '', '', 0, 0, NULL, NULL)", ['damaged', 'engine_rows']],
    ['a negative LSN', 'UPDATE tenax_meta SET lsn = -1', ['damaged', 'engine_rows']],
    ['an LSN at its end', 'UPDATE tenax_meta SET lsn = 9223372036854775807', ['damaged', 'engine_rows']],
    ['a newer format', 'UPDATE tenax_meta SET format = 2', ['engine_rows']],
    ['a migration without a hash', "INSERT INTO tenax_migration VALUES ('0001', 'abc', 0)", ['engine_rows']],
    [
      'a migration of an odd name',
      `INSERT INTO tenax_migration VALUES ('../x', '${'0'.repeat(64)}', 0)`,
      ['damaged', 'engine_rows'],
    ],
    ['one engine table less', 'DROP TABLE tenax_migration', ['reserved_name']],
    ['a column more', 'ALTER TABLE tenax_meta ADD COLUMN b INTEGER', ['reserved_name']],
    ['an index on an engine table', 'CREATE INDEX i ON tenax_meta(lsn)', ['reserved_name']],
    [
      'a trigger on an engine table',
      'CREATE TRIGGER g AFTER UPDATE ON tenax_meta BEGIN SELECT 1; END',
      ['reserved_name'],
    ],
    ['one more tenax table', 'CREATE TABLE tenax_run(a)', ['reserved_name']],
    [
      'a view over an engine table’s name',
      'DROP TABLE tenax_meta; CREATE VIEW tenax_meta AS SELECT 1',
      ['reserved_name'],
    ],
  ]

  it.each(TAMPERED)('refuses one with %s', async (_what, sql, reasons) => {
    const { bytes } = await ownExport()
    const tampered = changedBytes(bytes, (db) => db.exec(`PRAGMA ignore_check_constraints = ON; ${sql}`))
    const { id, checkUntouched } = await existing()
    expect(reasons).toContain(await refusalOf(id, tampered))
    await checkUntouched()
  })

  it('takes one whose identity is another’s: it gets its own', async () => {
    const { bytes } = await ownExport()
    const id = newId()
    await open.tenancy.import(
      id,
      streamOf(changedBytes(bytes, (db) => db.exec("UPDATE tenax_meta SET incarnation = 'x'"))),
    )
    expect(await open.sql(id, 'SELECT incarnation FROM tenax_meta')).toEqual([[open.tenancy.get(id).incarnation]])
  })
})

describe('import into a tenant that does not serve', () => {
  it('that is suspended replaces it and leaves it suspended', async () => {
    const { id } = await existing()
    await open.tenancy.suspend(id)
    expect(await codeOf(open.tenancy.import(id, streamOf(CHINOOK)))).toBe('ok')
    expect(await codeOf(open.sql(id, 'SELECT 1'))).toBe('tenant_suspended')
    await open.tenancy.resume(id)
    expect(await open.sql(id, 'SELECT count(*) FROM Artist')).toEqual([[275n]])
  })
})
