import { expect, it } from 'vitest'
import { databaseBytes } from '../fixtures/odd-files.ts'
import { idOf, streamOf } from '../fixtures/settings.ts'
import { tenancyMaker } from '../fixtures/test-bed.ts'

const newTenancy = tenancyMaker()

it('a tenant goes on when VACUUM has moved the page of its LSN', async () => {
  const { tenancy, sql, events } = await newTenancy()
  const id = idOf('acme')
  const text = 'CREATE TABLE gone(a, b UNIQUE); CREATE TABLE t(n); INSERT INTO t VALUES (1)'
  await tenancy.import(id, streamOf(databaseBytes((db) => db.exec(text))))
  const rootOfMeta = "SELECT rootpage FROM sqlite_schema WHERE name = 'tenax_meta'"
  await sql(id, 'INSERT INTO t VALUES (2)')
  await sql(id, 'DROP TABLE gone')
  const [before] = await sql(id, rootOfMeta)
  await sql(id, 'VACUUM')
  const [after] = await sql(id, rootOfMeta)
  expect(after).not.toEqual(before)
  await sql(id, 'INSERT INTO t VALUES (3)')
  expect(await sql(id, 'SELECT count(*) FROM t')).toEqual([[3n]])
  expect(events).toEqual([])
})
