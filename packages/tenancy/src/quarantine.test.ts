import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InvariantError, messageOf, type TenantId } from '@tenax/kernel'
import { fsSegmentFiles, Ledger, ledgerDirectoryName } from '@tenax/ledger'
import { libsqlDriver } from '@tenax/sqlite'
import { describe, expect, it } from 'vitest'
import { Layout, shardOf } from './files/layout.ts'
import { QUARANTINE_DIRECTORY } from './files/tenant-files.ts'
import { failingCheckpoints } from './fixtures/failing-checkpoints.ts'
import { crashCopy, entriesIn, ledgersIn, recordsIn } from './fixtures/ledger-files.ts'
import { idOf, openTenancyAt } from './fixtures/settings.ts'
import { stallingFiles } from './fixtures/stalling-files.ts'
import { codeOf, directoryMaker, type OpenTenancy, tenancyMaker, until } from './fixtures/test-bed.ts'
import type { Handle } from './handle.ts'
import { systemRandomId } from './system-ids.ts'
import type { TenancyEvent } from './tenancy-port.ts'

const newDirectory = directoryMaker() // first, so that it is removed behind the tenancies in it
const openTenancy = tenancyMaker()
const SMALL = { segmentBytesMax: 256 * 1024, batchBytesMax: 64 * 1024 }
const shardCount = 2
const hurt = idOf('hurt')
const well = idOf('well')
/** More than the 175 rounds after which a catalog is checkpointed. */
const ROUNDS_MAX = 400

async function served(ids: readonly TenantId[] = [hurt, well]): Promise<OpenTenancy> {
  const open = await openTenancy({ shardCount, ledger: SMALL })
  for (const id of ids) {
    await open.tenancy.create(id)
    await open.sql(id, 'CREATE TABLE t(a)')
    for (const n of [1n, 2n, 3n]) await open.sql(id, 'INSERT INTO t VALUES (?)', n)
  }
  return open
}

/** Breaks an invariant of the tenant, as a defect would. */
async function breakDown({ tenancy }: Pick<OpenTenancy, 'tenancy'>, id: TenantId): Promise<void> {
  const broken = tenancy.use(id, (handle) =>
    handle.exclusively(async () => {
      throw new InvariantError('made up')
    }),
  )
  expect(await codeOf(broken)).toBe('tenant_quarantined')
}

function eventOf({ events }: OpenTenancy, type: string): Promise<void> {
  return until(() => events.some((event) => event.type === type))
}

function sideOf(dataPath: string, { id, incarnation }: { id: TenantId; incarnation: string }): string {
  return join(new Layout(dataPath).tenantDirectory(shardOf(id, shardCount), incarnation), QUARANTINE_DIRECTORY)
}

function ledgersOf({ dataPath }: OpenTenancy): string {
  return new Layout(dataPath).ledgers
}

/** The first segment goes when those who serve have been checkpointed. */
async function expectTrimmed(open: OpenTenancy): Promise<void> {
  const [ledger = ''] = ledgersIn(ledgersOf(open))
  const isPinned = () => readdirSync(ledger).includes('00000000.seg')
  // Suspending checkpoints the tenant, and its catalog is checkpointed when that has grown; both catalogs pin the tail too.
  const far = ['a', 'b', 'c', 'd'].map(idOf).find((id) => shardOf(id, shardCount) !== shardOf(well, shardCount))
  const others = [well, far ?? expect.unreachable('an id of the other shard')]
  await open.tenancy.create(others[1] ?? well)
  for (let n = 0; n < ROUNDS_MAX && isPinned(); n += 1) {
    await Promise.all(others.map((id) => open.tenancy.suspend(id)))
    await Promise.all(others.map((id) => open.tenancy.resume(id)))
  }
  expect(isPinned()).toBe(false)
}

/** A commit that nobody waits for. */
function commitUngated({ file }: Handle): void {
  file.transaction(() => file.engine('UPDATE tenax_meta SET lsn = lsn + 1 WHERE id = 1').get())
}

describe('a tenant that is stopped', () => {
  it('has its commits in a side ledger, byte for byte, and they are nowhere else', async () => {
    const open = await served()
    const record = open.tenancy.get(hurt)
    const before = await entriesIn(new Layout(crashCopy(open.dataPath, newDirectory())).ledgers, record.incarnation)
    await breakDown(open, hurt)
    await eventOf(open, 'set_aside')
    expect(before).toHaveLength(5)
    expect(await entriesIn(sideOf(open.dataPath, record), record.incarnation)).toEqual(before)
    expect(open.events).toContainEqual({ type: 'set_aside', tenantId: hurt, entryCount: 5 })
    const [side = ''] = ledgersIn(sideOf(open.dataPath, record))
    expect((await recordsIn(side)).end.state).toBe('sealed')
  })

  it('does not pin the tail of the ledger', async () => {
    const open = await served()
    await breakDown(open, hurt)
    await eventOf(open, 'set_aside')
    await expectTrimmed(open)
  })

  it('by a start, because its main file is empty, does not pin the tail of the ledger either', async () => {
    const open = await served()
    await open.tenancy.use(hurt, (handle) => handle.checkpointSoon())
    await open.sql(hurt, 'INSERT INTO t VALUES (4)')
    const dataPath = crashCopy(open.dataPath, newDirectory())
    const record = open.tenancy.get(hurt)
    writeFileSync(new Layout(dataPath).tenantFile(shardOf(hurt, shardCount), record), '')
    const started = await openTenancy({ dataPath, shardCount, ledger: SMALL })
    await eventOf(started, 'set_aside')
    expect(started.events.filter(({ type }) => type !== 'redone')).toEqual([
      { type: 'quarantined', tenantId: hurt, reason: started.tenancy.get(hurt).quarantineReason, recorded: true },
      { type: 'set_aside', tenantId: hurt, entryCount: 1 },
    ])
    expect(await entriesIn(sideOf(dataPath, record), record.incarnation)).toHaveLength(1)
    expect(await started.sql(well, 'SELECT count(*) FROM t')).toEqual([[3n]]) // opened: its tail can move
    await expectTrimmed(started)
  })

  it('serves all that was acknowledged when it is resumed, after a crash too', async () => {
    const open = await served()
    await breakDown(open, hurt)
    expect(await codeOf(open.sql(hurt, 'SELECT 1'))).toBe('tenant_quarantined')
    await open.tenancy.resume(hurt)
    expect(await open.sql(hurt, 'SELECT count(*) FROM t')).toEqual([[3n]])
    await open.sql(hurt, 'INSERT INTO t VALUES (4)')
    const crashed = await openTenancy({ dataPath: crashCopy(open.dataPath, newDirectory()), shardCount })
    expect(await crashed.sql(hurt, 'SELECT count(*) FROM t')).toEqual([[4n]])
    expect(await crashed.sql(well, 'SELECT count(*) FROM t')).toEqual([[3n]])
  })

  it('goes on where it was when it is resumed in the next process', async () => {
    const open = await served()
    await breakDown(open, hurt)
    await eventOf(open, 'set_aside')
    const crashed = await openTenancy({ dataPath: crashCopy(open.dataPath, newDirectory()), shardCount })
    expect(await codeOf(crashed.sql(hurt, 'SELECT 1'))).toBe('tenant_quarantined')
    await crashed.tenancy.resume(hurt)
    expect(await crashed.sql(hurt, 'SELECT count(*) FROM t')).toEqual([[3n]])
  })

  it('keeps its file open until the ledger has all of its log: a close may move the log at any time', async () => {
    const disk = stallingFiles()
    const open = await openTenancy({ shardCount, ledger: SMALL, ledgerFiles: disk.files })
    await open.tenancy.create(hurt)
    await open.sql(hurt, 'CREATE TABLE t(a)')
    const goOn = disk.stall()
    await open.tenancy.use(hurt, (handle) => handle.exclusively(async () => commitUngated(handle)))
    await breakDown(open, hurt)
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    expect(open.tenancy.poolStats()).toMatchObject({ closing: 1, disposed: { fenced: 0 } })
    goOn()
    await eventOf(open, 'set_aside')
    expect(open.tenancy.poolStats().disposed.fenced).toBe(1)
  })

  it('stays stopped when its file is no file yet, whoever resumes it', async () => {
    const open = await served()
    const record = open.tenancy.get(hurt)
    await breakDown(open, hurt)
    await eventOf(open, 'set_aside')
    rmSync(new Layout(open.dataPath).tenantFile(shardOf(hurt, shardCount), record))
    expect(await codeOf(open.tenancy.resume(hurt))).toBe('tenant_quarantined')
    expect(open.tenancy.get(hurt).quarantineReason).toBe('invariant broken: made up')
  })

  it('that cannot be set aside keeps its entries in the ledger, and the next start sets them aside', async () => {
    const open = await served()
    const record = open.tenancy.get(hurt)
    writeFileSync(sideOf(open.dataPath, record), 'in the way')
    await breakDown(open, hurt)
    await eventOf(open, 'set_aside_failed')
    const copy = crashCopy(open.dataPath, newDirectory())
    const before = await entriesIn(new Layout(copy).ledgers, record.incarnation)
    expect(before).toHaveLength(5)
    rmSync(sideOf(copy, record))
    const crashed = await openTenancy({ dataPath: copy, shardCount })
    expect(await entriesIn(sideOf(copy, record), record.incarnation)).toEqual(before)
    await crashed.tenancy.close()
    expect(await entriesIn(sideOf(copy, record), record.incarnation)).toEqual(before)
    expect(await codeOf(open.tenancy.resume(hurt))).not.toBe('ok')
    rmSync(sideOf(open.dataPath, record))
    expect(await codeOf(open.tenancy.resume(hurt))).toBe('ok')
    expect(await open.sql(hurt, 'SELECT count(*) FROM t')).toEqual([[3n]])
  })
})

describe('a catalog that is broken', () => {
  it('when a tenant is to be stopped ends the host, and the tenant refuses all the same', async () => {
    const fatal: unknown[] = []
    const events: TenancyEvent[] = []
    const dataPath = newDirectory()
    const onFatal = (error: unknown) => fatal.push(error)
    const tenancy = await openTenancyAt(dataPath, { shardCount, onFatal }, (event) => events.push(event)) // never closed
    await tenancy.create(hurt)
    rmSync(`${new Layout(dataPath).catalog(shardOf(hurt, shardCount))}-wal`)
    await breakDown({ tenancy }, hurt)
    await until(() => events.length > 0)
    expect(events).toEqual([expect.objectContaining({ type: 'quarantined', recorded: false })])
    expect(fatal.map(messageOf)).toEqual([expect.stringContaining('the live log has its name')])
    expect(await codeOf(tenancy.use(hurt, async () => undefined))).toBe('tenant_quarantined')
  })
})

describe('a checkpoint that fails', () => {
  it.each([
    ['a lock', 'SQLITE_BUSY', 'unavailable', undefined],
    ['a full disk', 'SQLITE_FULL', 'storage_full', undefined],
    ['anything else', 'SQLITE_IOERR_WRITE', 'tenant_quarantined', 'the checkpoint failed'],
  ])('for %s stops the tenant, or not', async (_what, sqliteCode, code, reason) => {
    const driver = failingCheckpoints(libsqlDriver)
    const open = await openTenancy({ shardCount, driver })
    await open.tenancy.create(hurt)
    driver.failWith(sqliteCode)
    expect(await codeOf(open.tenancy.use(hurt, (handle) => handle.checkpointSoon()))).toBe(code)
    driver.failWith(undefined)
    const found = open.tenancy.get(hurt).quarantineReason
    expect(found).toEqual(reason === undefined ? undefined : expect.stringContaining(reason))
    await open.tenancy.resume(hurt)
    expect(await open.sql(hurt, 'SELECT 1')).toEqual([[1n]])
  })
})

describe('a main file that cannot be synced', () => {
  it('stops its tenant, and the ledger goes on holding what the file may have lost', async () => {
    const open = await served()
    const { incarnation } = open.tenancy.get(hurt)
    const checkpointed = open.tenancy.use(hurt, (handle) => {
      Object.assign(handle.file, { syncMain: () => Promise.reject(new Error('EIO')) })
      return handle.checkpointSoon()
    })
    expect(await codeOf(checkpointed)).toBe('tenant_quarantined')
    expect(open.tenancy.get(hurt).quarantineReason).toContain('the main file could not be synced: EIO')
    await eventOf(open, 'set_aside')
    const copy = crashCopy(open.dataPath, newDirectory())
    const [side = ''] = ledgersIn(sideOf(copy, open.tenancy.get(hurt)))
    expect((await recordsIn(side)).records.map(({ record }) => record.kind)).not.toContain('checkpoint')
    expect(await entriesIn(sideOf(copy, open.tenancy.get(hurt)), incarnation)).toHaveLength(6) // its commits, and a stamp
    expect(await open.sql(well, 'SELECT count(*) FROM t')).toEqual([[3n]])
  })
})

describe('a tenant with a gap in the ledgers', () => {
  it('is stopped by the start, with all that the ledgers have of it set aside', async () => {
    const open = await served()
    const { incarnation } = open.tenancy.get(hurt)
    const copy = crashCopy(open.dataPath, newDirectory())
    const { ledgers } = new Layout(copy)
    const before = await entriesIn(ledgers, incarnation)
    const [first = ''] = ledgersIn(ledgers)
    const { dataId } = (await recordsIn(first)).end
    const last = before.at(-1)
    if (last === undefined || dataId === undefined) return expect.unreachable('there are commits')
    const name = { epoch: 2, nonce: systemRandomId() }
    const later = await Ledger.create({
      ...{ ...name, dataId, files: fsSegmentFiles, directory: join(ledgers, ledgerDirectoryName(name)) },
      onFatal: (error) => expect.unreachable(error.message),
    })
    const beyond = { ...last, lsn: last.lsn + 2 }
    later.append(beyond)
    await later.close()
    const started = await openTenancy({ dataPath: copy, shardCount })
    const record = started.tenancy.get(hurt)
    expect(record.quarantineReason).toBe('after commit 5 the ledger has commit 7')
    expect(await started.sql(well, 'SELECT count(*) FROM t')).toEqual([[3n]])
    expect(await entriesIn(sideOf(copy, record), incarnation)).toEqual([...before, beyond])
    const told = { tenantId: hurt, reason: 'after commit 5 the ledger has commit 7' }
    expect(started.events).toContainEqual({ type: 'quarantined', ...told, recorded: true })
    expect(started.events).toContainEqual({ type: 'set_aside', tenantId: hurt, entryCount: 6 })
    await started.tenancy.close()
    const again = await openTenancy({ dataPath: copy, shardCount })
    expect(ledgersIn(sideOf(copy, record))).toHaveLength(1)
    expect(again.tenancy.get(hurt).quarantineReason).toBe(record.quarantineReason)
  })
})
