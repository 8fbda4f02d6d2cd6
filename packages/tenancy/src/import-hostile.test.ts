/**
 * Files whose definitions are traps: whatever in them could read, write or load a file of the server is refused before it
 * is used, and the tenant that is there stays as it is. The definitions are put past SQLite's own checks, as a stranger would.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isTenaxError, type TenantId } from '@tenax/kernel'
import { afterAll, describe, expect, it } from 'vitest'
import { databaseBytes } from './fixtures/odd-files.ts'
import { idOf, streamOf } from './fixtures/settings.ts'
import { codeOf, filesBelow, tenancyMaker } from './fixtures/test-bed.ts'

const open = await tenancyMaker()()
const { tenancy, sql } = open
const directory = mkdtempSync(join(tmpdir(), 'tenax-loot-'))
/** What a trap would write, if it sprang. */
const LOOT = join(directory, 'loot')
afterAll(() => rmSync(directory, { recursive: true }))

let number = 0
const newId = (): TenantId => idOf(`t${++number}`)

/** One row of a schema table: type, name, table name, SQL. Tables and indexes get a page of their own. */
type Definition = readonly [type: 'table' | 'index' | 'view' | 'trigger', name: string, table: string, sql: string]

/** A file with a table `t(a)` of one row and, past all checks, `definitions`. */
function fileWith(definitions: readonly Definition[], before = ''): Buffer {
  return databaseBytes((db) => {
    db.exec(`CREATE TABLE t(a); INSERT INTO t VALUES (1); ${before}; PRAGMA writable_schema = ON`)
    const add = db.prepare('INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)')
    for (const [type, name, table, text] of definitions) {
      const isVirtual = /virtual/i.test(text)
      add.run(type, name, table, (type === 'table' || type === 'index') && !isVirtual ? 2 : 0, text)
    }
  })
}

/** A file whose table `t` is defined by `text` instead. */
function fileWithTable(text: string): Buffer {
  return databaseBytes((db) => {
    db.exec('CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 2); PRAGMA writable_schema = ON')
    db.prepare("UPDATE sqlite_schema SET sql = ? WHERE name = 't'").run(text)
  })
}

const virtual = (name: string, using: string): Definition => [
  'table',
  name,
  name,
  `CREATE VIRTUAL TABLE ${name} USING ${using}`,
]
const view = (select: string): Definition => ['view', 'v', 'v', `CREATE VIEW v AS ${select}`]
const trigger = (body: string): Definition => [
  'trigger',
  'g',
  't',
  `CREATE TRIGGER g AFTER INSERT ON t BEGIN ${body}; END`,
]
const index = (over: string): Definition => ['index', 'i', 't', `CREATE INDEX i ON t(${over})`]

const READ = "readfile('/etc/hostname')"
const WRITE = `writefile('${LOOT}', 'x')`

/** `damaged`: SQLite itself refuses to read such a schema. */
const TRAPS: readonly (readonly [reason: string, what: string, bytes: Buffer])[] = [
  ['definition', 'a virtual table of fsdir', fileWith([virtual('p', 'fsdir')])],
  [
    'definition',
    'one whose module is quoted, in capitals, behind comments',
    fileWith([virtual('p', '/* x */ "FsDir" ()')]),
  ],
  ['definition', 'a virtual table of sqlite_dbpage', fileWith([virtual('p', 'sqlite_dbpage')])],
  ['definition', 'one that is called sqlite_dbpage', fileWith([virtual('sqlite_dbpage', 'sqlite_dbpage')])],
  [
    'definition',
    'a virtual table of fts4 that compresses with writefile',
    fileWith([virtual('p', "fts4(a, compress='writefile')")]),
  ],
  ['definition', 'a virtual table of fts3', fileWith([virtual('p', 'fts3(a)')])],
  ['definition', 'a virtual table of a module that nobody has', fileWith([virtual('p', 'nobody_has_this(a)')])],
  ['definition', 'a virtual table of dbstat', fileWith([virtual('p', 'dbstat')])],
  ['definition', 'fts5 over the pages', fileWith([virtual('p', "fts5(a, content='sqlite_dbpage')")])],
  ['definition', 'a view that reads a file', fileWith([view(`SELECT ${READ}`)])],
  [
    'definition',
    'a view that reads a file by a quoted name',
    fileWith([view(`SELECT "ReadFile" /* x */ ('/etc/hostname')`)]),
  ],
  ['definition', 'a view that lists files', fileWith([view("SELECT name FROM fsdir('/etc')")])],
  ['definition', 'a view over the pages', fileWith([view('SELECT data FROM sqlite_dbpage')])],
  ['definition', 'a view that loads an extension', fileWith([view("SELECT load_extension('./x.so')")])],
  ['definition', 'a trigger that writes a file', fileWith([trigger(`SELECT ${WRITE}`)])],
  ['definition', 'a trigger that loads an extension', fileWith([trigger("SELECT load_extension('./x.so')")])],
  ['definition', 'a trigger that writes pages', fileWith([trigger('UPDATE sqlite_dbpage SET data = zeroblob(4096)')])],
  [
    'definition',
    'a trigger that writes the schema',
    fileWith([trigger("DELETE FROM sqlite_schema WHERE name = 'tenax_meta'")]),
  ],
  ['definition', 'a default that reads a file', fileWithTable(`CREATE TABLE t(a, b DEFAULT (${READ}))`)],
  ['definition', 'a default that writes a file', fileWithTable(`CREATE TABLE t(a, b DEFAULT (${WRITE}))`)],
  ['definition', 'a check that writes a file', fileWithTable(`CREATE TABLE t(a, b, CHECK (${WRITE}))`)],
  ['damaged', 'a generated column that reads a file', fileWithTable(`CREATE TABLE t(a, b AS (${READ}))`)],
  ['damaged', 'an index on what writes a file', fileWith([index(WRITE)])],
  [
    'damaged',
    'an index where something writes a file',
    fileWith([['index', 'i', 't', `CREATE INDEX i ON t(a) WHERE ${WRITE}`]]),
  ],
  ['damaged', 'an index on a function that overruns its buffer', fileWith([index('replicate(a, 1000000000)')])],
  [
    'definition',
    'a check by a pattern that overruns the stack',
    fileWithTable("CREATE TABLE t(a, b CHECK (regexp('x', b)))"),
  ],
  ['damaged', 'a generated column of a denied function', fileWithTable('CREATE TABLE t(a, b AS (padl(a, 9)))')],
  ['definition', 'a definition behind a definition', fileWithTable('CREATE TABLE t(a, b); CREATE TABLE tenax_run(a)')],
  ['damaged', 'a definition that is a query', fileWith([['view', 'v', 'v', `SELECT ${WRITE}`]])],
  ['damaged', 'a definition that attaches a file', fileWith([['view', 'v', 'v', `ATTACH '${LOOT}' AS x`]])],
  [
    'damaged',
    'a table under a name that is not its own',
    fileWith([['table', 'x', 'x', 'CREATE TABLE tenax_meta(a)']]),
  ],
  ['definition', 'a temporary table', fileWith([['table', 'x', 'x', 'CREATE TEMP TABLE x(a)']])],
]

async function refusalOf(id: TenantId, bytes: Uint8Array): Promise<unknown> {
  try {
    await tenancy.import(id, streamOf(bytes))
    return 'accepted'
  } catch (error) {
    if (!isTenaxError(error)) throw error
    return error.details['reason'] ?? error.code
  }
}

describe('import of a file with a trap', () => {
  it.each(TRAPS)('is %s: %s; nothing sprang, the tenant untouched', async (reason, _what, bytes) => {
    const id = newId()
    await tenancy.create(id)
    await sql(id, "CREATE TABLE kept AS SELECT 'old' AS a")
    const [record, { lineage, lsn }, files] = [tenancy.get(id), await tenancy.stats(id), filesBelow(open.dataPath)]
    expect(await refusalOf(id, bytes)).toBe(reason)
    expect(existsSync(LOOT)).toBe(false)
    expect(tenancy.get(id)).toEqual(record)
    expect(await tenancy.stats(id)).toMatchObject({ lineage, lsn })
    expect(await sql(id, 'SELECT a FROM kept')).toEqual([['old']])
    expect(filesBelow(open.dataPath)).toEqual(files)
  })

  it('a file whose names only sound like traps is taken, and its text is text', async () => {
    const id = newId()
    const harmless = databaseBytes((db) =>
      db.exec(`CREATE TABLE fsdir_notes(writefile, note DEFAULT 'readfile(1)'); INSERT INTO fsdir_notes(writefile) VALUES (1);
        CREATE VIEW v AS SELECT writefile, 'load_extension(''x'')' AS said FROM fsdir_notes -- readfile('x')`),
    )
    expect(await refusalOf(id, harmless)).toBe('accepted')
    expect(await sql(id, 'SELECT writefile, said FROM v')).toEqual([[1n, "load_extension('x')"]])
    expect(await codeOf(sql(id, `SELECT ${READ}`))).toBe('sql_refused')
  })
})
