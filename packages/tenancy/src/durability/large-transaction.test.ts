/** What one transaction may change (LEDGER C4). */
import { expect, test } from 'vitest'
import { crashCopy } from '../fixtures/ledger-files.ts'
import { idOf } from '../fixtures/settings.ts'
import { directoryMaker, tenancyMaker } from '../fixtures/test-bed.ts'

const newDirectory = directoryMaker() // first, so that it is removed behind the tenancies in it
const openTenancy = tenancyMaker()
const large = idOf('large')
const small = idOf('small')
const file = { pageCountMax: 262_144 }

test('one near the limit is durable; one beyond it is refused, and neither tenant nor neighbour is the worse', async () => {
  const open = await openTenancy({ shardCount: 1, file })
  for (const id of [large, small]) {
    await open.tenancy.create(id)
    await open.sql(id, 'CREATE TABLE t(a)')
  }
  await open.sql(large, 'INSERT INTO t VALUES (zeroblob(209715200))')
  await expect(open.sql(large, 'INSERT INTO t VALUES (zeroblob(272629760))')).rejects.toMatchObject({
    code: 'transaction_too_large',
  })
  for (const id of [large, small]) await open.sql(id, "INSERT INTO t VALUES ('after')")
  const crashed = await openTenancy({ shardCount: 1, file, dataPath: crashCopy(open.dataPath, newDirectory()) })
  expect(await crashed.sql(large, 'SELECT length(a) FROM t')).toEqual([[209_715_200n], [5n]])
  expect(await crashed.sql(small, 'SELECT a FROM t')).toEqual([['after']])
})
