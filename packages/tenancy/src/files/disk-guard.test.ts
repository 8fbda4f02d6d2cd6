/** A disk that gets full is left room: writes are refused before it is full, and everything else goes on. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryStore } from '@tenax/blobstore'
import { ManualClock, systemClock } from '@tenax/kernel'
import { libsqlDriver } from '@tenax/sqlite'
import { describe, expect, it } from 'vitest'
import { ACME, step } from '../fixtures/archived-tenant.ts'
import { fullDriver, Room } from '../fixtures/full-driver.ts'
import { crashCopy } from '../fixtures/ledger-files.ts'
import { idOf, streamOf } from '../fixtures/settings.ts'
import { codeOf, directoryMaker, gathered, tenancyMaker, until } from '../fixtures/test-bed.ts'
import { DISK_FREE_BYTES_MIN, DISK_RESERVE_BYTES } from '../limits.ts'
import { DiskGuard } from './disk-guard.ts'

const newDirectory = directoryMaker()
const open = tenancyMaker()
const GIB = 1024 ** 3
const MIN = 100_000_000

/** A disk whose free space a test sets, and how often it was looked at. */
class FakeDisk {
  freeBytes = 10 * GIB
  lookCount = 0
  readonly read = () => {
    this.lookCount += 1
    return { freeBytes: this.freeBytes, totalBytes: 100 * GIB }
  }
}

/** A tenancy on such a disk, with a tenant that has one row, on a clock that is moved by hand. */
async function onDisk(options: Parameters<typeof open>[0] = {}) {
  const disk = new FakeDisk()
  const clock = new ManualClock(systemClock.nowMs())
  const opened = await open({ clock, diskFreeBytesMin: MIN, diskSpace: disk.read, ...options })
  await opened.tenancy.create(ACME)
  await opened.sql(ACME, 'CREATE TABLE note AS SELECT 1 AS one')
  const setFree = (freeBytes: number) => {
    disk.freeBytes = freeBytes
    clock.advance(1_000)
  }
  const types = () => opened.events.map(({ type }) => type)
  return {
    ...opened,
    disk,
    clock,
    setFree,
    types,
    insert: () => codeOf(opened.sql(ACME, 'INSERT INTO note VALUES (2)')),
  }
}

describe('a disk that is low', () => {
  it('refuses writes by name, before it is full, and takes them again when there is room', async () => {
    const { setFree, insert, tenancy, sql, events } = await onDisk()
    events.length = 0
    setFree(MIN - 1)
    await expect(sql(ACME, 'INSERT INTO note VALUES (2)')).rejects.toMatchObject({
      ...{ code: 'storage_full', message: 'the disk is nearly full: 95.4 MiB are free, writes need 95.4 MiB' },
      details: { freeBytes: MIN - 1, freeBytesMin: MIN },
    })
    expect(await insert()).toBe('storage_full')
    const { session } = await tenancy.openSession(ACME)
    for (const text of ['BEGIN', 'INSERT INTO note VALUES (3)']) await session.run(text, { positional: [], named: [] })
    expect(await codeOf(session.run('COMMIT', { positional: [], named: [] }))).toBe('storage_full')
    await session.close()
    expect(await sql(ACME, 'SELECT one FROM note')).toEqual([[1n]])
    expect(tenancy.disk.stats()).toMatchObject({ freeBytes: MIN - 1, freeBytesMin: MIN })
    expect(tenancy.disk.stats().refusedCount).toBeGreaterThanOrEqual(3)
    setFree(MIN)
    expect(await insert()).toBe('ok')
    expect(events).toEqual([
      { type: 'disk_low', freeBytes: MIN - 1, freeBytesMin: MIN },
      { type: 'disk_has_room', freeBytes: MIN },
    ])
  })

  it("refuses the engine's own commits at half the bound, so that what a step has come to is still written", async () => {
    const { setFree, tenancy } = await onDisk()
    const commit = () =>
      codeOf(tenancy.use(ACME, (handle) => handle.commit((file) => file.engine('DELETE FROM note').get())))
    setFree(MIN / 2)
    expect(await commit()).toBe('ok')
    setFree(MIN / 2 - 1)
    expect(await commit()).toBe('storage_full')
  })

  it('refuses creates and imports, and changes nothing; deletes, suspensions and wake-ups go on', async () => {
    const { setFree, tenancy } = await onDisk()
    await tenancy.create(idOf('other'))
    const file = await tenancy.export(ACME, async ({ chunks }) => Buffer.concat(await gathered(chunks)))
    setFree(MIN + 4_096)
    expect(await codeOf(tenancy.create(idOf('new')))).toBe('storage_full')
    setFree(0)
    let isRead = false
    const body = async function* () {
      isRead = true
      yield* streamOf(file)
    }
    for (const id of ['new', 'acme']) expect(await codeOf(tenancy.import(idOf(id), body()))).toBe('storage_full')
    expect(isRead).toBe(false)
    expect(await codeOf(() => tenancy.get(idOf('new')))).toBe('tenant_not_found')
    expect(await codeOf(tenancy.suspend(ACME))).toBe('ok')
    expect(await codeOf(tenancy.resume(ACME))).toBe('ok')
    expect(await codeOf(tenancy.setWake(ACME, 5))).toBe('ok')
    expect(await codeOf(tenancy.delete(idOf('other')))).toBe('ok')
  })

  it('lets tenants go to object storage and come back, and moves logs into files', async () => {
    const { setFree, sql, tenancy, insert } = await onDisk({ store: new MemoryStore(systemClock) })
    await insert()
    setFree(0)
    expect(await codeOf(tenancy.use(ACME, (handle) => handle.checkpointSoon()))).toBe('ok')
    expect((await tenancy.stats(ACME)).walBytes).toBe(0)
    expect((await tenancy.archive(ACME)).state).toBe('archived')
    expect(await sql(ACME, 'SELECT count(*) FROM note')).toEqual([[2n]])
    expect(await insert()).toBe('storage_full')
    expect(await codeOf(tenancy.scrubber.verify(ACME))).toBe('storage_full')
    expect(tenancy.get(ACME).proof).toBeUndefined()
  })

  it('is read by who opens a tenant for the first time since a crash, which gives it a new history', async () => {
    const { dataPath } = await onDisk()
    const disk = new FakeDisk()
    disk.freeBytes = 0
    const crashed = await open({
      ...{ dataPath: crashCopy(dataPath, newDirectory()), diskFreeBytesMin: MIN, diskSpace: disk.read },
    })
    expect(await crashed.sql(ACME, 'SELECT one FROM note')).toEqual([[1n]])
    expect(await codeOf(crashed.sql(ACME, 'DELETE FROM note'))).toBe('storage_full')
  })

  it('is looked at once a second while there are commits, and not at all while there are none', async () => {
    const { clock, disk, insert, sql } = await onDisk()
    clock.advance(1_000)
    disk.lookCount = 0
    for (let write = 0; write < 20; write += 1) await insert()
    expect(disk.lookCount).toBe(1)
    clock.advance(999)
    await insert()
    expect(disk.lookCount).toBe(1)
    for (let minute = 0; minute < 10; minute += 1) {
      await step(clock, 60_000)
      await sql(ACME, 'SELECT one FROM note')
    }
    expect(disk.lookCount).toBe(1)
    await insert()
    expect(disk.lookCount).toBe(2)
  })
})

it('a disk that is written full within a second is looked at again before it is', async () => {
  const { disk, setFree, sql, insert } = await onDisk()
  setFree(MIN + 20_000_000)
  await insert()
  disk.lookCount = 0
  let code = 'ok'
  while (code === 'ok' && disk.freeBytes > 0) {
    disk.freeBytes -= 210_000
    code = await codeOf(sql(ACME, 'INSERT INTO note VALUES (zeroblob(100000))'))
  }
  expect(code).toBe('storage_full')
  expect(disk.freeBytes).toBeGreaterThan(MIN - 2_000_000)
  expect(disk.lookCount).toBeLessThan(20)
})

describe('the bound', () => {
  const boundOf = (totalBytes: number, freeBytesMin?: number) =>
    new DiskGuard({
      ...{ root: '/', reservePath: '/none', clock: systemClock, onEvent: () => undefined, freeBytesMin },
      diskSpace: () => ({ freeBytes: 0, totalBytes }),
    })

  it('is 256 MiB, 2 % of a small disk, or what is set; 0 refuses nothing', () => {
    expect(boundOf(100 * GIB).stats().freeBytesMin).toBe(DISK_FREE_BYTES_MIN)
    expect(boundOf(1_000_000).stats().freeBytesMin).toBe(20_000)
    expect(boundOf(100 * GIB, 5).stats().freeBytesMin).toBe(5)
    expect(() => boundOf(100 * GIB, 5).assertRoom()).toThrow('nearly full')
    expect(() => boundOf(100 * GIB, 0).assertRoom({ bytes: 9 })).not.toThrow()
  })

  it('refuses nobody on a file system that does not say what it has', () => {
    const silent = () => {
      throw new Error('ENOSYS')
    }
    const guard = new DiskGuard({
      ...{ root: '/', reservePath: '/none', clock: systemClock, onEvent: () => undefined, diskSpace: silent },
    })
    expect(() => guard.assertRoom({ bytes: 9 })).not.toThrow()
    expect(guard.stats().freeBytes).toBeUndefined()
  })
})

describe('the reserve', () => {
  it('is made with the first commit, given to a checkpoint that finds no room, and made again when there is room', async () => {
    const room = new Room()
    const opened = await onDisk({ driver: fullDriver(libsqlDriver, room) })
    const { tenancy, dataPath, insert, setFree, types } = opened
    const path = join(dataPath, 'reserve')
    const isWhole = () => statSync(path, { throwIfNoEntry: false })?.size === DISK_RESERVE_BYTES
    await until(isWhole)
    expect(tenancy.disk.stats().reserveBytes).toBe(DISK_RESERVE_BYTES)
    await insert()
    room.endAfter(0)
    expect(await codeOf(tenancy.use(ACME, (handle) => handle.checkpointSoon()))).toBe('storage_full')
    expect(existsSync(path)).toBe(false)
    room.heal()
    expect(await codeOf(tenancy.use(ACME, (handle) => handle.checkpointSoon()))).toBe('ok')
    expect(types().filter((type) => type === 'disk_reserve_released')).toHaveLength(1)
    setFree(MIN + DISK_RESERVE_BYTES)
    await insert()
    expect(existsSync(path)).toBe(false)
    setFree(MIN + DISK_RESERVE_BYTES + 1)
    await insert()
    await until(isWhole)
    await tenancy.close()
    expect(isWhole()).toBe(true)
  })

  it('is given up as well when a look finds next to nothing free', async () => {
    const { dataPath, insert, setFree } = await onDisk()
    const path = join(dataPath, 'reserve')
    await until(() => statSync(path, { throwIfNoEntry: false })?.size === DISK_RESERVE_BYTES)
    setFree(100_000)
    expect(await insert()).toBe('storage_full')
    expect(existsSync(path)).toBe(false)
  })
})
