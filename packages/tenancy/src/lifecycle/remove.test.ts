/** What a delete leaves, and what its receipt says of that. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryStore } from '@tenax/blobstore'
import { systemClock } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { ACME, tenancyWithRows } from '../fixtures/archived-tenant.ts'
import { filesBelow, tenancyMaker } from '../fixtures/test-bed.ts'

const open = tenancyMaker()
const withRows = tenancyWithRows(open)

/** The files of a data directory that have this text in them, by the directory that they are in. */
function placesOf(dataPath: string, text: string): string[] {
  const found = filesBelow(dataPath).filter((path) => readFileSync(join(dataPath, path)).includes(text))
  return [...new Set(found.map((path) => path.split('/')[0] ?? ''))]
}

describe('the receipt of a delete', () => {
  it.each([
    ['no store', undefined],
    ['a store', () => new MemoryStore(systemClock)],
  ])(
    'names the ledger while that holds pages of the tenant, which it does no more behind the next start: with %s',
    async (_what, make) => {
      const store = make?.()
      const opened = await open(store && { store })
      const mark = 'a word that is nowhere else'
      await opened.tenancy.create(ACME)
      await opened.sql(ACME, 'CREATE TABLE note AS SELECT ? AS text', mark)
      const { remains } = await opened.tenancy.delete(ACME)
      expect(remains).toEqual(store === undefined ? ['local_ledger'] : ['local_ledger', 'stored_ledger'])
      expect(placesOf(opened.dataPath, mark)).toEqual(['ledgers'])
      await opened.tenancy.close()
      await (await open({ dataPath: opened.dataPath, ...(store && { store }) })).tenancy.close()
      expect(placesOf(opened.dataPath, mark)).toEqual([])
    },
  )

  it('names snapshots only of a tenant that had any, and what a store may have of the ledger', async () => {
    const { tenancy } = await withRows()
    await tenancy.archive(ACME)
    expect((await tenancy.delete(ACME)).remains).toEqual(['snapshots', 'local_ledger', 'stored_ledger'])
    await tenancy.create(ACME)
    expect((await tenancy.delete(ACME)).remains).toEqual(['local_ledger', 'stored_ledger'])
  })
})
