/** A ledger that has reached its bound: those who hold its oldest segment are checkpointed, and it is cut (LEDGER K3). */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Layout } from '../files/layout.ts'
import { crashCopy, ledgersIn } from '../fixtures/ledger-files.ts'
import { idOf } from '../fixtures/settings.ts'
import { directoryMaker, tenancyMaker, until } from '../fixtures/test-bed.ts'

const newDirectory = directoryMaker() // first, so that it is removed behind the tenancies in it
const openTenancy = tenancyMaker()
const ledger = { segmentBytesMax: 256 * 1024, batchBytesMax: 64 * 1024 }
const ledgerBytesMax = 2 * 1024 * 1024
const ROUNDS = 400
const busy = idOf('busy')
const idle = ['a', 'b', 'c', 'd'].map(idOf)

test('stays near its bound while some write and others, closed or open, hold its oldest segment; nothing is lost', async () => {
  const open = await openTenancy({ shardCount: 2, ledger, ledgerBytesMax, pool: { handlesMax: 3 } })
  for (const id of [busy, ...idle]) {
    await open.tenancy.create(id)
    await open.sql(id, 'CREATE TABLE t(a, b)')
    await open.sql(id, 'INSERT INTO t VALUES (0, zeroblob(3000))')
  }
  const [path = ''] = ledgersIn(new Layout(open.dataPath).ledgers)
  const segments = () => readdirSync(path).filter((name) => name.endsWith('.seg'))
  const bytes = () =>
    segments().reduce((sum, name) => sum + (statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0), 0)
  let bytesMax = 0
  for (let round = 1; round <= ROUNDS; round += 1) {
    await open.sql(busy, 'INSERT INTO t VALUES (?, zeroblob(9000))', BigInt(round))
    bytesMax = Math.max(bytesMax, bytes())
  }
  expect(bytesMax).toBeGreaterThan(ledgerBytesMax / 2)
  await until(() => !segments().includes('00000000.seg') && bytes() <= ledgerBytesMax + 2 * ledger.segmentBytesMax)
  const crashed = await openTenancy({ shardCount: 2, ledger, dataPath: crashCopy(open.dataPath, newDirectory()) })
  expect(await crashed.sql(busy, 'SELECT count(*), max(a) FROM t')).toEqual([[BigInt(ROUNDS + 1), BigInt(ROUNDS)]])
  for (const id of idle) expect(await crashed.sql(id, 'SELECT count(*) FROM t')).toEqual([[1n]])
})
