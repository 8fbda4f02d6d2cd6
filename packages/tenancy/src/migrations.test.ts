import { describe, expect, it } from 'vitest'
import { idOf, streamOf } from './fixtures/settings.ts'
import { codeOf, gathered, tenancyMaker, until } from './fixtures/test-bed.ts'
import { checkMigrations, type Migration } from './migrations.ts'

const newTenancy = tenancyMaker()
const FIRST: Migration = {
  name: '0001-notes.sql',
  sql: 'CREATE TABLE note(id INTEGER PRIMARY KEY); CREATE INDEX i ON note(id)',
}
const SECOND: Migration = {
  name: '0002-body.sql',
  sql: "ALTER TABLE note ADD COLUMN body TEXT; INSERT INTO note VALUES (1, 'x;y')",
}
const BROKEN: Migration = {
  name: '0003-broken.sql',
  sql: "INSERT INTO note VALUES (2, 'lost'); INSERT INTO nowhere VALUES (1)",
}
const APPLIED = 'SELECT name FROM tenax_migration ORDER BY name'

describe('migrations', () => {
  it('are applied on create, before anybody else, and recorded', async () => {
    const { tenancy, sql } = await newTenancy({ migrations: [FIRST, SECOND] })
    await tenancy.create(idOf('acme'))
    expect(await sql(idOf('acme'), 'SELECT body FROM note')).toEqual([['x;y']])
    expect(await sql(idOf('acme'), APPLIED)).toEqual([[FIRST.name], [SECOND.name]])
  })

  it('are applied on the next open, each once, with a number each', async () => {
    const id = idOf('acme')
    const before = await newTenancy({ migrations: [FIRST] })
    await before.tenancy.create(id)
    const { lsn } = await before.tenancy.stats(id)
    await before.tenancy.close()
    // A stamp when the file was closed, the migration; then its stamp.
    for (const step of [2n, 3n]) {
      const after = await newTenancy({ dataPath: before.dataPath, migrations: [FIRST, SECOND] })
      expect(await after.sql(id, 'SELECT count(*) FROM note')).toEqual([[1n]])
      expect((await after.tenancy.stats(id)).lsn).toBe(lsn + step)
      await after.tenancy.close()
    }
  })

  it('are applied to an imported file', async () => {
    const { tenancy, sql } = await newTenancy({ migrations: [FIRST, SECOND] })
    await tenancy.create(idOf('a'))
    const bytes = await tenancy.export(idOf('a'), async ({ chunks }) => Buffer.concat(await gathered(chunks)))
    await tenancy.import(idOf('b'), streamOf(bytes))
    expect(await sql(idOf('b'), 'SELECT count(*) FROM note')).toEqual([[1n]])
  })

  it('that fail on an imported file refuse it, and the tenant that is there stays as it is', async () => {
    const id = idOf('acme')
    const before = await newTenancy({ migrations: [] })
    await before.tenancy.create(idOf('other'))
    await before.sql(idOf('other'), 'CREATE TABLE note(something_else)')
    const bytes = await before.tenancy.export(idOf('other'), async ({ chunks }) =>
      Buffer.concat(await gathered(chunks)),
    )
    const { tenancy, sql } = await newTenancy({ migrations: [FIRST, SECOND] })
    await tenancy.create(id)
    await expect(tenancy.import(id, streamOf(bytes))).rejects.toMatchObject({
      code: 'import_invalid',
      details: { reason: 'migration' },
    })
    expect(await codeOf(tenancy.import(idOf('new'), streamOf(bytes)))).toBe('import_invalid')
    expect(await sql(id, 'SELECT body FROM note')).toEqual([['x;y']])
    expect(await codeOf(sql(idOf('new'), 'SELECT 1'))).toBe('tenant_not_found')
  })

  it('that fail quarantine that tenant alone, leave nothing of themselves, and can be mended', async () => {
    const [sound, late] = [idOf('sound'), idOf('late')]
    const first = await newTenancy({ migrations: [FIRST, SECOND] })
    for (const id of [sound, late]) await first.tenancy.create(id)
    await first.sql(sound, 'CREATE TABLE nowhere(a)')
    await first.tenancy.close()

    const second = await newTenancy({ dataPath: first.dataPath, migrations: [FIRST, SECOND, BROKEN] })
    expect(await codeOf(second.sql(late, 'SELECT 1'))).toBe('tenant_quarantined')
    expect(second.tenancy.get(late).quarantineReason).toContain('0003-broken.sql')
    await until(() => second.events.length > 0)
    expect(second.events).toMatchObject([{ type: 'quarantined', tenantId: 'late' }])
    expect(await second.sql(sound, 'SELECT count(*) FROM note')).toEqual([[2n]])
    await second.tenancy.resume(late)
    expect(await codeOf(second.sql(late, 'SELECT 1'))).toBe('tenant_quarantined')
    await second.tenancy.close()

    const mended = { ...BROKEN, name: '0003-broken.sql', sql: 'SELECT 1' }
    const third = await newTenancy({ dataPath: first.dataPath, migrations: [FIRST, SECOND, mended] })
    expect(await codeOf(third.sql(late, 'SELECT 1'))).toBe('tenant_quarantined')
    await third.tenancy.resume(late)
    expect(await third.sql(late, 'SELECT count(*) FROM note')).toEqual([[1n]])
    expect(await codeOf(third.sql(sound, 'SELECT 1'))).toBe('tenant_quarantined') // it has the other 0003
    await third.tenancy.close()
  })

  it('that fail on create leave a tenant that is there and stopped, and can be deleted', async () => {
    const { tenancy, sql } = await newTenancy({ migrations: [FIRST, BROKEN] })
    expect(await codeOf(tenancy.create(idOf('acme')))).toBe('tenant_quarantined')
    expect(await codeOf(sql(idOf('acme'), 'SELECT 1'))).toBe('tenant_quarantined')
    await tenancy.delete(idOf('acme'))
    expect(tenancy.count()).toBe(0)
  })

  it('that were changed after they were applied quarantine the tenant', async () => {
    const first = await newTenancy({ migrations: [FIRST] })
    await first.tenancy.create(idOf('acme'))
    await first.tenancy.close()
    const second = await newTenancy({
      dataPath: first.dataPath,
      migrations: [{ ...FIRST, sql: `${FIRST.sql} -- more` }],
    })
    expect(await codeOf(second.sql(idOf('acme'), 'SELECT 1'))).toBe('tenant_quarantined')
    expect(second.tenancy.get(idOf('acme')).quarantineReason).toContain('was changed')
  })

  it.each([
    "ATTACH 'x.db' AS x",
    'UPDATE tenax_meta SET lsn = 0',
    'CREATE TABLE tenax_run(a)',
    "SELECT readfile('x')",
    'PRAGMA journal_mode = DELETE',
    'VACUUM',
    'COMMIT',
    'CREATE TABLE a(b); BEGIN',
    'SAVEPOINT a',
  ])('run under the sandbox, one transaction each: %s is refused', async (sql) => {
    const { tenancy } = await newTenancy({ migrations: [{ name: '1', sql }] })
    expect(await codeOf(tenancy.create(idOf('acme')))).toBe('tenant_quarantined')
  })
})

describe('checkMigrations()', () => {
  const named = (...names: string[]) => names.map((name) => ({ name, sql: 'SELECT 1' }))

  it.each([
    ['a name with a path', named('a/b')],
    ['an empty name', named('')],
    ['names out of order', named('2', '1')],
    ['a name twice', named('1', '1')],
    ['a script that cannot be read', [{ name: '1', sql: 'SELECT \0' }]],
  ])('refuses %s before anything is opened', async (_what, migrations) => {
    expect(await codeOf(() => checkMigrations(migrations))).toBe('config_invalid')
    expect(await codeOf(() => newTenancy({ migrations }))).toBe('config_invalid')
  })

  it('takes none, and scripts without a statement', () => {
    checkMigrations([])
    checkMigrations([{ name: '1', sql: '-- nothing yet' }])
  })
})
