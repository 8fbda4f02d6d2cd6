import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '@tenax/kernel'
import { libsqlDriver } from '@tenax/sqlite'
import { expect, test } from 'vitest'
import { QUARANTINE_DIRECTORY } from '../files/tenant-files.ts'
import { failingCheckpoints } from '../fixtures/failing-checkpoints.ts'
import { crashCopy, entriesIn } from '../fixtures/ledger-files.ts'
import { idOf } from '../fixtures/settings.ts'
import { directoryMaker, type OpenTenancy, tenancyMaker, until } from '../fixtures/test-bed.ts'
import { reportDurability } from './report.ts'

const newDirectory = directoryMaker() // first, so that it is removed behind the tenancies in it
const open = tenancyMaker()
const ID = idOf('acme')

/** Where the tenant's main file is. */
function fileOf({ tenancy, dataPath }: OpenTenancy): string {
  const { incarnation, file } = tenancy.get(ID)
  const shards = join(dataPath, 'shards')
  const shard = readdirSync(shards).find((name) => existsSync(join(shards, name, incarnation))) ?? ''
  return join(shards, shard, incarnation, `${file}.db`)
}

test('a log that a power cut brings back after a clean close is not read', async () => {
  const before = await open()
  await before.tenancy.create(ID)
  await before.sql(ID, 'CREATE TABLE note (mark INTEGER)')
  await before.sql(ID, 'INSERT INTO note VALUES (1)')
  const path = fileOf(before)
  const catalog = join(path, '..', '..', 'catalog.db')
  const [log, catalogLog] = [readFileSync(`${path}-wal`), readFileSync(`${catalog}-wal`)]
  await before.sql(ID, 'INSERT INTO note VALUES (2)')
  await before.tenancy.suspend(ID)
  await before.tenancy.resume(ID)
  await before.tenancy.suspend(ID)
  await before.tenancy.close()
  writeFileSync(`${path}-wal`, log)
  writeFileSync(`${catalog}-wal`, catalogLog)
  const after = await open({ dataPath: before.dataPath })
  expect(after.tenancy.get(ID).suspendedAtMs).toBeDefined()
  await after.tenancy.resume(ID)
  expect(await after.sql(ID, 'SELECT mark FROM note')).toEqual([[1n], [2n]])
})

test('half of a ledger whose removal was begun is not read, and goes', async () => {
  const before = await open()
  await before.tenancy.create(ID)
  await before.tenancy.close()
  const ledgers = join(before.dataPath, 'ledgers')
  const [name = ''] = readdirSync(ledgers).filter((one) => /^\d+-/.test(one))
  cpSync(join(ledgers, name), join(ledgers, `${name}.removed`), { recursive: true })
  mkdirSync(join(ledgers, '00000001-aaaaaaaaaaaaaaaaaaaa.removed'))
  const after = await open({ dataPath: before.dataPath })
  expect(after.tenancy.get(ID).state).toBe('warm')
  expect(readdirSync(ledgers).filter((one) => one.includes('removed'))).toEqual([])
})

test('a token from before a clean stop is reached after it, one from before a kill is lost: its number may be given anew', async () => {
  const before = await open()
  await before.tenancy.create(ID)
  const { lineage, committed: lsn } = await reportDurability({ tenancy: before.tenancy, clock: systemClock }, ID)
  const wait = { lineage, lsn, durability: 'local', timeoutMs: 1_000 } as const
  const waitAt = ({ tenancy }: OpenTenancy) => reportDurability({ tenancy, clock: systemClock }, ID, wait)
  const killed = await open({ dataPath: crashCopy(before.dataPath, newDirectory()) })
  await before.tenancy.close()
  const stopped = await open({ dataPath: before.dataPath })
  expect(await waitAt(stopped)).toMatchObject({ waited: 'reached', lineage, committed: lsn + 1n }) // and a stamp
  const after = await waitAt(killed)
  expect(after.waited).toBe('lost')
  expect(after.lineage).not.toBe(lineage)
  expect(after.committed).toBeGreaterThan(lsn)
})

test.each([false, true])(
  'a main file that is emptied stops its tenant, and not the start (suspended: %s)',
  async (isSuspended) => {
    const before = await open()
    const well = idOf('well')
    for (const id of [ID, well]) {
      await before.tenancy.create(id)
      await before.sql(id, 'CREATE TABLE note (mark INTEGER)')
    }
    await before.tenancy.use(ID, (handle) => handle.checkpointSoon())
    const driver = failingCheckpoints(libsqlDriver)
    const torn = await open({ dataPath: crashCopy(before.dataPath, newDirectory()), driver })
    driver.failWith('SQLITE_BUSY')
    await torn.sql(ID, 'INSERT INTO note VALUES (1)')
    if (isSuspended) await torn.tenancy.suspend(ID) // its file stays open behind the lock
    await torn.tenancy.settled()
    const dataPath = crashCopy(torn.dataPath, newDirectory())
    driver.failWith(undefined)
    writeFileSync(fileOf({ ...torn, dataPath }), '')
    const after = await open({ dataPath })
    expect(after.tenancy.get(ID).quarantineReason).toContain('main file that is not empty')
    expect(await after.sql(well, 'SELECT count(*) FROM note')).toEqual([[0n]])
    await until(() => after.events.some(({ type }) => type === 'set_aside'))
    const { incarnation, quarantineReason: reason } = after.tenancy.get(ID)
    expect(after.events).toContainEqual({ type: 'quarantined', tenantId: ID, reason, recorded: true })
    expect(await entriesIn(join(fileOf(after), '..', QUARANTINE_DIRECTORY), incarnation)).toHaveLength(1)
  },
)
