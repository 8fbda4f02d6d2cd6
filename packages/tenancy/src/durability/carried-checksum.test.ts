import { readFileSync, writeFileSync } from 'node:fs'
import type { TenantId } from '@tenax/kernel'
import { EngineError, libsqlDriver } from '@tenax/sqlite'
import { describe, expect, it } from 'vitest'
import { catalogIncarnation } from '../catalog.ts'
import { failingCheckpoints } from '../fixtures/failing-checkpoints.ts'
import { fullDriver, Room } from '../fixtures/full-driver.ts'
import { crashCopy } from '../fixtures/ledger-files.ts'
import { databaseBytes } from '../fixtures/odd-files.ts'
import { startOther } from '../fixtures/other-process.ts'
import { mainFileOf, recordsOf, replayedSums, sumsAtRest } from '../fixtures/page-sums.ts'
import { idOf, streamOf } from '../fixtures/settings.ts'
import { codeOf, directoryMaker, gathered, type OpenTenancy, tenancyMaker } from '../fixtures/test-bed.ts'

const newDirectory = directoryMaker() // first, so that it is removed behind the tenancies in it
const newTenancy = tenancyMaker()
const acme = idOf('acme')
const other = idOf('other')

const checkpoint = ({ tenancy }: OpenTenancy, id = acme) => tenancy.use(id, (handle) => handle.checkpointSoon())
const exported = ({ tenancy }: OpenTenancy, id = acme) =>
  tenancy.export(id, async ({ chunks }) => Buffer.concat(await gathered(chunks)))

/** Closes the tenant's file: its main file has everything then. */
async function atRest({ tenancy }: OpenTenancy, id: TenantId): Promise<void> {
  await tenancy.suspend(id)
  await tenancy.resume(id)
}

async function served(id = acme, open?: OpenTenancy): Promise<OpenTenancy> {
  const opened = open ?? (await newTenancy())
  await opened.tenancy.create(id)
  await opened.sql(id, 'CREATE TABLE t(a INTEGER PRIMARY KEY, b)')
  await opened.sql(id, "INSERT INTO t(b) SELECT 'row ' || value FROM generate_series(1, 500)")
  return opened
}

/** Every commit and checkpoint of the file says what the bytes come to; gives how many there were. */
async function checkRecords({ dataPath, tenancy }: OpenTenancy, id = acme): Promise<number> {
  await tenancy.settled()
  const sums = replayedSums(await recordsOf(dataPath, tenancy.get(id).incarnation))
  expect(sums.filter(({ said, found }) => said !== found)).toEqual([])
  return sums.length
}

const INCREMENTAL_VACUUM = 'PRAGMA incremental_vacuum'

/** Runs what a tenant may, and what the engine does by itself. */
async function perform({ tenancy, sql }: OpenTenancy, id: TenantId, text: string): Promise<void> {
  if (text !== INCREMENTAL_VACUUM) return void (await sql(id, text))
  await tenancy.use(id, (handle) =>
    handle.exclusively(async () => {
      const { file } = handle
      file.transaction(() => {
        file.engine(text).all()
        file.engine('UPDATE tenax_meta SET lsn = lsn + 1').get()
      })
    }),
  )
}

describe('every commit carries the checksum of the file', () => {
  const STEPS: readonly (readonly [what: string, texts: readonly string[]])[] = [
    ['growth', ['INSERT INTO t(b) SELECT randomblob(3000) FROM generate_series(1, 400)']],
    ['a small change', ["UPDATE t SET b = 'x' WHERE a = 7"]],
    ['CREATE INDEX', ['CREATE INDEX IF NOT EXISTS t_b ON t(b)']],
    ['a shrink', ['DELETE FROM t WHERE a % 3 > 0', INCREMENTAL_VACUUM]],
    ['growth over what was cut off', ['INSERT INTO t(b) SELECT randomblob(3000) FROM generate_series(1, 100)']],
    ['VACUUM', ['DELETE FROM t WHERE a % 2 = 0', 'VACUUM', "INSERT INTO t(b) VALUES ('after')"]],
    ['a transaction larger than the cache', ['INSERT INTO t(b) SELECT randomblob(3000) FROM generate_series(1, 2000)']],
    ['DROP TABLE', ['CREATE TABLE u AS SELECT * FROM t', 'DROP TABLE u']],
  ]

  it('in any order, with and without checkpoints between', async () => {
    const open = await newTenancy()
    for (const seed of [1, 2, 3]) {
      const id = idOf(`life-${seed}`)
      await served(id, open)
      for (let step = 0; step < 14; step += 1) {
        const [, texts] = STEPS[(step * (2 * seed + 1) + seed) % STEPS.length] ?? ['', []]
        for (const text of texts) await perform(open, id, text)
        if (step % (seed + 1) === 0) await checkpoint(open, id)
        if (step === 9) await atRest(open, id)
      }
      expect(await checkRecords(open, id)).toBeGreaterThan(20)
      await atRest(open, id)
      const { said, found } = await sumsAtRest(open, id)
      expect(said).toBe(found)
    }
  })

  it('a catalog’s too', async () => {
    const open = await served()
    for (const name of ['a', 'b', 'c']) await open.tenancy.create(idOf(name))
    await open.tenancy.settled()
    for (const shard of [0, 1]) {
      const sums = replayedSums(await recordsOf(open.dataPath, catalogIncarnation(shard)))
      expect(sums.filter(({ said, found }) => said !== found)).toEqual([])
      expect(sums.length).toBeGreaterThan(1)
    }
  })

  it('one that a stranger has put into our log as well', async () => {
    const open = await served()
    const shell = await startOther('shell', mainFileOf(open, acme))
    await shell.ask("INSERT INTO t(b) VALUES ('stranger')")
    await open.sql(acme, "INSERT INTO t(b) VALUES ('ours')")
    await shell.ask("INSERT INTO t(b) VALUES ('stranger')")
    await checkpoint(open)
    await open.sql(acme, "INSERT INTO t(b) VALUES ('ours')")
    await shell.ask('CREATE TABLE theirs AS SELECT * FROM t')
    await checkpoint(open)
    await shell.end()
    await checkRecords(open)
    await atRest(open, acme)
    const { said, found } = await sumsAtRest(open, acme)
    expect(said).toBe(found)
  })

  it('or says that nobody knows it, when a stranger has begun a log', async () => {
    const open = await served()
    await checkpoint(open)
    await checkRecords(open)
    const shell = await startOther('shell', mainFileOf(open, acme))
    await shell.ask("INSERT INTO t(b) VALUES ('stranger')")
    await shell.end()
    await open.sql(acme, "INSERT INTO t(b) VALUES ('ours')")
    await checkpoint(open)
    await open.tenancy.settled()
    const records = await recordsOf(open.dataPath, open.tenancy.get(acme).incarnation)
    expect(replayedSums(records).at(-1)?.said).toBeUndefined()
    expect(await codeOf(exported(open))).toBe('ok')
  })
})

describe('the checksum is known again', () => {
  it('when the file is opened once more, and in the next process', async () => {
    const open = await served()
    await atRest(open, acme)
    await open.sql(acme, "UPDATE t SET b = 'again' WHERE a = 1")
    await checkRecords(open)
    await open.tenancy.close()
    const next = await newTenancy({ dataPath: open.dataPath })
    const before = readFileSync(mainFileOf(next, acme))
    await next.sql(acme, "UPDATE t SET b = 'next' WHERE a = 2")
    await next.tenancy.settled()
    const sums = replayedSums(await recordsOf(next.dataPath, next.tenancy.get(acme).incarnation), before)
    expect(sums).toEqual([expect.objectContaining({ said: sums[0]?.found })])
  })

  it('after a crash, for a file that recovery has redone', async () => {
    const open = await served()
    await checkpoint(open)
    await open.sql(acme, "UPDATE t SET b = 'in the log' WHERE a = 1")
    await open.tenancy.settled()
    const next = await newTenancy({ dataPath: crashCopy(open.dataPath, newDirectory()) })
    await next.sql(acme, "UPDATE t SET b = 'later' WHERE a > 400")
    await atRest(next, acme)
    const { said, found } = await sumsAtRest(next, acme)
    expect(said).toBe(found)
    expect(await codeOf(exported(next))).toBe('ok')
  })

  it('after a crash, for a suspended tenant that recovery has redone and checkpointed', async () => {
    const open = await served()
    const driver = failingCheckpoints(libsqlDriver)
    const torn = await newTenancy({ dataPath: crashCopy(open.dataPath, newDirectory()), driver })
    driver.failWith('SQLITE_BUSY')
    await torn.sql(acme, "UPDATE t SET b = 'in the log' WHERE a = 1")
    await torn.tenancy.suspend(acme) // its file stays open behind the lock
    await torn.tenancy.settled()
    driver.failWith(undefined)
    const next = await newTenancy({ dataPath: crashCopy(torn.dataPath, newDirectory()) })
    await next.tenancy.resume(acme)
    await next.sql(acme, "UPDATE t SET b = 'later' WHERE a = 2")
    await atRest(next, acme)
    const { said, found } = await sumsAtRest(next, acme)
    expect(said).toBe(found)
  })

  it('after a crash between the stamp and the checkpoint behind it', async () => {
    const driver = failingCheckpoints(libsqlDriver)
    const open = await served(acme, await newTenancy({ driver }))
    driver.failWith('SQLITE_BUSY')
    expect(await codeOf(checkpoint(open))).toBe('unavailable')
    driver.failWith(undefined)
    const next = await newTenancy({ dataPath: crashCopy(open.dataPath, newDirectory()) })
    await atRest(next, acme)
    await next.sql(acme, "UPDATE t SET b = 'later' WHERE a = 1")
    await atRest(next, acme)
    const { said, found } = await sumsAtRest(next, acme)
    expect(said).toBe(found)
    expect(await codeOf(exported(next))).toBe('ok')
  })

  it('of an imported file, from its first commit on', async () => {
    const open = await newTenancy()
    const bytes = databaseBytes((db) =>
      db.exec('CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, 2)'),
    )
    await open.tenancy.import(acme, streamOf(bytes))
    const before = readFileSync(mainFileOf(open, acme))
    await open.sql(acme, 'INSERT INTO t(b) VALUES (3)')
    await open.tenancy.settled()
    const sums = replayedSums(await recordsOf(open.dataPath, open.tenancy.get(acme).incarnation), before)
    expect(sums).toEqual([expect.objectContaining({ said: sums[0]?.found })])
  })

  it('by an export, when a stranger’s checkpoint has made it unknown', async () => {
    const open = await served()
    const shell = await startOther('shell', mainFileOf(open, acme))
    await shell.ask("INSERT INTO t(b) VALUES ('stranger')")
    await shell.ask('PRAGMA wal_checkpoint(TRUNCATE)')
    await shell.end()
    await open.sql(acme, "UPDATE t SET b = 'ours' WHERE a = 1")
    await open.tenancy.settled()
    const { incarnation } = open.tenancy.get(acme)
    expect(replayedSums(await recordsOf(open.dataPath, incarnation)).at(-1)?.said).toBeUndefined()
    await checkpoint(open)
    expect((await sumsAtRest(open, acme)).said).toBeUndefined()
    expect(await codeOf(exported(open))).toBe('ok')
    await open.sql(acme, "UPDATE t SET b = 'known' WHERE a = 1")
    await atRest(open, acme)
    const { said, found } = await sumsAtRest(open, acme)
    expect(said).toBe(found)
  })
})

/** A disk that has room for everything but stamps. */
class NoRoomForStamps extends Room {
  isFull = false

  override need(sql: string): void {
    if (this.isFull && sql.includes('checksum_lsn =')) throw new EngineError('SQLITE_FULL', 'database or disk is full')
  }
}

describe('a stamp', () => {
  it('is one commit of one page, and there is none when nothing was committed', async () => {
    const open = await served()
    await checkpoint(open)
    await checkpoint(open)
    await atRest(open, acme)
    await open.sql(acme, 'SELECT 1')
    await atRest(open, acme)
    const records = await recordsOf(open.dataPath, open.tenancy.get(acme).incarnation)
    const shape = records.map((one) => (one.kind === 'entry' ? `${one.pages.length} pages` : one.kind))
    expect(shape.slice(-2)).toEqual(['1 pages', 'checkpoint'])
    expect(records.filter(({ kind }) => kind === 'checkpoint')).toHaveLength(1)
  })

  it('that finds no room keeps no file from being checkpointed, and comes with the next checkpoint', async () => {
    const room = new NoRoomForStamps()
    const open = await served(acme, await newTenancy({ driver: fullDriver(libsqlDriver, room) }))
    const kindsOf = async () => {
      await open.tenancy.settled()
      const records = await recordsOf(open.dataPath, open.tenancy.get(acme).incarnation)
      return records.map((one) => (one.kind === 'entry' ? `${one.pages.length} pages` : one.kind)).slice(-3)
    }
    room.isFull = true
    await checkpoint(open)
    expect(await kindsOf()).toEqual(['4 pages', '6 pages', 'checkpoint'])
    room.isFull = false
    await atRest(open, acme)
    expect(await kindsOf()).toEqual(['checkpoint', '1 pages', 'checkpoint'])
    const { said, found } = await sumsAtRest(open, acme)
    expect(said).toBe(found)
  })

  it('leaves the statements compiled', async () => {
    const open = await served()
    await open.sql(acme, 'SELECT a FROM t WHERE a = 1')
    await checkpoint(open)
    const isPrepared = await open.tenancy.use(acme, async ({ file }) => file.prepared('SELECT a FROM t WHERE a = 1'))
    expect(isPrepared).toBeDefined()
  })
})

describe('a wrong bit in a main file', () => {
  /** Turns a bit inside the text of a row, which SQLite reads without a complaint. */
  function spoil(open: OpenTenancy): void {
    const path = mainFileOf(open, acme)
    const bytes = readFileSync(path)
    // Also where a page was split and the old bytes stayed behind.
    for (let at = bytes.indexOf('row 123'); at > 0; at = bytes.indexOf('row 123')) {
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
    }
    writeFileSync(path, bytes)
  }

  async function spoiled(): Promise<OpenTenancy> {
    const open = await served()
    await served(other, open)
    await open.tenancy.suspend(acme)
    spoil(open)
    await open.tenancy.resume(acme)
    expect(await open.sql(acme, "SELECT count(*), sum(b = 'row 123') FROM t")).toEqual([[500n, 0n]])
    return open
  }

  it('is found by an export, which stops that tenant and names file and checksums', async () => {
    const open = await spoiled()
    await open.sql(acme, "UPDATE t SET b = 'elsewhere' WHERE a = 500")
    expect(await codeOf(exported(open))).toBe('tenant_quarantined')
    const { incarnation, file, quarantineReason = '' } = open.tenancy.get(acme)
    const { said, found } = await sumsAtRest(open, acme)
    expect(said).not.toBe(found)
    expect(quarantineReason).toContain(`${incarnation}/${file}.db`)
    for (const sum of [said, found]) expect(quarantineReason).toContain(sum?.toString(16).padStart(16, '0'))
    expect(await codeOf(open.sql(acme, 'SELECT 1'))).toBe('tenant_quarantined')
    expect(await codeOf(exported(open, other))).toBe('ok')
    expect(await open.sql(other, 'SELECT count(*) FROM t')).toEqual([[500n]])
  })

  it('is found again by resume, in this process and the next, and healed by an import', async () => {
    const open = await spoiled()
    const sound = await exported(open, other)
    expect(await codeOf(exported(open))).toBe('tenant_quarantined')
    await expect(open.tenancy.resume(acme)).rejects.toThrow(
      /has the checksum [0-9a-f]{16}; its commits came to [0-9a-f]{16}/,
    )
    await open.tenancy.close()
    const next = await newTenancy({ dataPath: open.dataPath })
    expect(await codeOf(next.tenancy.resume(acme))).toBe('tenant_quarantined')
    await next.tenancy.import(acme, streamOf(sound))
    expect(await next.sql(acme, 'SELECT count(*) FROM t')).toEqual([[500n]])
    expect(await codeOf(exported(next))).toBe('ok')
  })

  it('is not found where nobody knew the checksum: resume takes the file as it is, and knows it from then on', async () => {
    const open = await served()
    await open.tenancy.suspend(acme)
    const path = mainFileOf(open, acme)
    const shell = await startOther('shell', path)
    await shell.ask('UPDATE tenax_meta SET checksum_lsn = NULL, checksum = NULL')
    await shell.end()
    spoil(open)
    await open.tenancy.resume(acme)
    expect(await codeOf(exported(open))).toBe('ok')
    await open.sql(acme, "UPDATE t SET b = 'known' WHERE a = 1")
    await atRest(open, acme)
    const { said, found } = await sumsAtRest(open, acme)
    expect(said).toBe(found)
  })
})
