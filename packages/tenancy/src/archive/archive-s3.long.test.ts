/** Archive and hydration over a real S3 server. */
import { randomUUID } from 'node:crypto'
import { openS3Store } from '@tenax/blobstore'
import { testS3 } from '@tenax/blobstore/contract'
import { systemClock } from '@tenax/kernel'
import { describe, expect, test } from 'vitest'
import { idOf } from '../fixtures/settings.ts'
import { tenancyMaker } from '../fixtures/test-bed.ts'
import { systemRandomId } from '../system-ids.ts'

const s3 = testS3()
const open = tenancyMaker()
const IDS = Array.from({ length: 12 }, (_, index) => idOf(`t${index}`))

describe.skipIf(s3.isSkipped)(`a real S3 server${s3.note}`, () => {
  test('twelve tenants at once go there and come back, twice; a start finds them there, and deletes leave nothing', async () => {
    const settings = await s3.makeBucket(`tenax-test-${randomUUID()}`)
    const store = await openS3Store({ settings, randomId: systemRandomId, clock: systemClock })
    const first = await open({ store, pool: { handlesMax: 4 } })
    const each = (work: (id: (typeof IDS)[number]) => Promise<unknown>) => Promise.all(IDS.map(work))
    await each((id) => first.tenancy.create(id))
    await each((id) => first.sql(id, 'CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)'))
    for (let round = 0; round < 2; round += 1) {
      const rows = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)'
      await each((id) => first.sql(id, `${rows} INSERT INTO note (text) SELECT hex(randomblob(500)) FROM n`))
      await each((id) => first.tenancy.archive(id))
    }
    expect(IDS.map((id) => first.tenancy.get(id).state)).toEqual(IDS.map(() => 'archived'))
    await first.tenancy.close()
    const second = await open({ dataPath: first.dataPath, store, pool: { handlesMax: 4 } })
    await each(async (id) => expect(await second.sql(id, 'SELECT count(*) FROM note')).toEqual([[4_000n]]))
    await each((id) => second.tenancy.delete(id))
    for (let left = 1; left > 0; ) {
      left = 0
      for await (const _ of store.list('tenants/')) left += 1
    }
    await second.tenancy.close()
    await store.close()
    await s3.removeBucket(settings)
  })
})
