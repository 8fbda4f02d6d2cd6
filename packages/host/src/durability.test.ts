/** Durability classes over HTTP, on a ledger whose disk stalls and fails. */
import { MemoryDisk } from '@tenax/ledger/contract'
import { describe, expect, test } from 'vitest'
import { execute, type HostBed, member, openHost, pipe, type Reply, send } from './fixtures/host-bed.ts'
import type { TenaxOptions } from './index.ts'

const LOCAL = { 'tenax-durability': 'local' }

/** A host on a disk in memory, with the tenants `easy` (relaxed) and `acme` (the server's class), each with a table. */
async function openOnDisk(options: Omit<TenaxOptions, 'data'> = {}) {
  const disk = new MemoryDisk()
  return { disk, bed: await openTenants({ ledgerFiles: disk, ...options }) }
}

async function openTenants(options: Omit<TenaxOptions, 'data'> = {}): Promise<HostBed> {
  const bed = await openHost(options)
  await send(bed, 'POST /v1/tenants', { json: { id: 'easy', durability: 'relaxed' } })
  await send(bed, 'POST /v1/tenants', { json: { id: 'acme' } })
  for (const id of ['easy', 'acme']) {
    expect(await query(bed, id, 'create table t (a)', LOCAL)).toMatchObject({ status: 200 })
  }
  return bed
}

function query(bed: HostBed, id: string, sql: string, headers: Record<string, string> = {}): Promise<Reply> {
  return send(bed, `POST /t/${id}/query`, { json: { sql }, headers })
}

/** No fsync returns until `resume`, or until the test ends. */
function stalled(disk: MemoryDisk) {
  const resume = disk.stall('sync')
  const before = disk.log.length
  /** Resolves when something waits for its fsync: it is committed by then. */
  const reached = async () => {
    while (!disk.log.slice(before).some((line) => line.startsWith('sync '))) await turns()
  }
  return { resume, reached, [Symbol.dispose]: resume }
}

/** A request under way, and whether it was answered. */
function watch(request: Promise<Reply>) {
  const watched = { request, isAnswered: false }
  request.then(
    () => {
      watched.isAnswered = true
    },
    () => undefined,
  )
  return watched
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** The two headers of a reply. */
function promiseOf({ headers }: Reply) {
  return { durability: headers.get('tenax-durability'), lsn: headers.get('tenax-lsn') }
}

const lsnOf = (reply: Reply) => Number(promiseOf(reply).lsn?.split('.')[1])

describe('while the disk of the ledger stalls', () => {
  test('a relaxed tenant is answered, and a local one is not until its commit is fsynced', async () => {
    const { bed, disk } = await openOnDisk()
    await using _ = bed
    using stall = stalled(disk)
    const local = watch(query(bed, 'acme', 'insert into t values (1)'))
    const relaxed = await query(bed, 'easy', 'insert into t values (1)')
    await turns()
    expect(relaxed.status).toBe(200)
    expect(promiseOf(relaxed).durability).toBe('relaxed')
    expect(local.isAnswered).toBe(false)
    stall.resume()
    expect(promiseOf(await local.request).durability).toBe('local')
  })

  test('an error reply and a read after a write that is not fsynced wait as well', async () => {
    const { bed, disk } = await openOnDisk()
    await using _ = bed
    using stall = stalled(disk)
    const write = watch(query(bed, 'acme', 'insert into t values (1)'))
    const read = watch(query(bed, 'acme', 'select count(*) from t'))
    const failing = watch(query(bed, 'acme', 'insert into nowhere values (1)'))
    await stall.reached()
    const piped = watch(send(bed, 'POST /t/acme/v3/pipeline', { json: { requests: [{ type: 'get_autocommit' }] } }))
    await query(bed, 'easy', 'insert into t values (1)')
    await turns()
    expect([write, read, failing, piped].map(({ isAnswered }) => isAnswered)).toEqual([false, false, false, false])
    stall.resume()
    expect((await read.request).json).toMatchObject({ rows: [[1]] })
    expect((await failing.request).json).toMatchObject({ code: 'sql_error' })
    expect(lsnOf(await failing.request)).toBe(lsnOf(await write.request))
    expect(lsnOf(await piped.request)).toBe(lsnOf(await write.request))
  })

  test('a local request on a relaxed tenant waits, and its answer covers what was relaxed before it', async () => {
    const { bed, disk } = await openOnDisk()
    await using _ = bed
    using stall = stalled(disk)
    const relaxed = await query(bed, 'easy', 'insert into t values (1)')
    const raised = watch(query(bed, 'easy', 'select count(*) from t', LOCAL))
    await turns()
    expect(raised.isAnswered).toBe(false)
    stall.resume()
    expect(promiseOf(await raised.request)).toEqual({ durability: 'local', lsn: promiseOf(relaxed).lsn })
    const report = await send(bed, 'GET /v1/tenants/easy/durability')
    expect(member(report.json, 'local')).toBe(member(report.json, 'committed'))
  })

  test('a local answer covers what a neighbour has committed relaxed before it', async () => {
    const { bed, disk } = await openOnDisk()
    await using _ = bed
    using stall = stalled(disk)
    const first = lsnOf(await query(bed, 'easy', 'insert into t values (1)'))
    await stall.reached()
    const local = watch(query(bed, 'acme', 'insert into t values (1)'))
    const second = lsnOf(await query(bed, 'easy', 'insert into t values (2)'))
    await turns()
    expect([second, local.isAnswered]).toEqual([first + 1, false])
    stall.resume()
    await local.request
    const report = await send(bed, 'GET /v1/tenants/easy/durability')
    expect(Number(member(report.json, 'local'))).toBeGreaterThanOrEqual(first)
  })

  test('a pipeline waits for one fsync behind all its commits, not for one behind each', async () => {
    const { bed, disk } = await openOnDisk()
    await using _ = bed
    const before = lsnOf(await query(bed, 'acme', 'select 1'))
    using stall = stalled(disk)
    const requests = Array.from({ length: 20 }, () => execute('insert into t values (1)'))
    const piped = watch(send(bed, 'POST /t/acme/v3/pipeline', { json: { requests } }))
    const committed = async () =>
      Number(member((await send(bed, 'GET /v1/tenants/acme/durability')).json, 'committed')) - before
    while ((await committed()) < 20) await turns()
    expect(piped.isAnswered).toBe(false)
    stall.resume()
    expect(lsnOf(await piped.request)).toBe(before + 20)
  })

  test('a batch on a relaxed tenant with a local request waits once more at its end', async () => {
    const { bed, disk } = await openOnDisk()
    await using _ = bed
    using stall = stalled(disk)
    const requests = [execute('insert into t values (1)'), execute('insert into t values (2)'), { type: 'close' }]
    const relaxed = await send(bed, 'POST /t/easy/v3/pipeline', { json: { requests } })
    expect(promiseOf(relaxed).durability).toBe('relaxed')
    const raised = watch(send(bed, 'POST /t/easy/v3/pipeline', { json: { requests }, headers: LOCAL }))
    await turns()
    expect(raised.isAnswered).toBe(false)
    stall.resume()
    expect(lsnOf(await raised.request)).toBe(lsnOf(relaxed) + 2)
  })

  test('every reply about tenants waits for the changes of the catalog that it may have seen', async () => {
    const { bed, disk } = await openOnDisk()
    await using _ = bed
    using stall = stalled(disk)
    const created = watch(send(bed, 'POST /v1/tenants', { json: { id: 'new' } }))
    await stall.reached()
    const routes = ['GET /v1/tenants', 'GET /v1/tenants/new', 'GET /v1/tenants/nobody', 'POST /t/new/query']
    const others = routes.map((route) =>
      watch(send(bed, route, route.startsWith('GET') ? {} : { json: { sql: 'select 1' } })),
    )
    await query(bed, 'easy', 'insert into t values (1)')
    await turns()
    expect([created, ...others].map(({ isAnswered }) => isAnswered)).toEqual([false, false, false, false, false])
    stall.resume()
    const statuses = await Promise.all([created, ...others].map(async ({ request }) => (await request).status))
    expect(statuses).toEqual([201, 200, 200, 404, 409])
  })

  test('GET …/durability tells committed from local, answers timeout, and reached when the disk is back', async () => {
    const { bed, disk } = await openOnDisk()
    await using _ = bed
    using stall = stalled(disk)
    const { lsn } = promiseOf(await query(bed, 'easy', 'insert into t values (1)'))
    const report = await send(bed, `GET /v1/tenants/easy/durability?wait_lsn=${lsn}&timeout_ms=1`)
    const committed = Number(lsn?.split('.')[1])
    expect(report.json).toEqual({
      ...{ lineage: lsn?.split('.')[0], committed: String(committed), local: String(committed - 1) },
      ...{ remote: null, waited: 'timeout' },
    })
    const relaxed = await send(bed, `GET /v1/tenants/easy/durability?wait_lsn=${lsn}&class=relaxed`)
    expect(relaxed.json).toMatchObject({ waited: 'reached' })
    const waiting = watch(send(bed, `GET /v1/tenants/easy/durability?wait_lsn=${lsn}&class=local`))
    await turns()
    expect(waiting.isAnswered).toBe(false)
    stall.resume()
    expect((await waiting.request).json).toMatchObject({ waited: 'reached', local: String(committed) })
  })
})

test('after an fsync error no reply is a success, relaxed ones included, and onFatal is called once', async () => {
  const fatal: unknown[] = []
  const { bed, disk } = await openOnDisk({ onFatal: (error) => fatal.push(error) })
  await using _ = bed
  disk.failNext('sync', 'EIO')
  const failed = await Promise.all([
    query(bed, 'acme', 'insert into t values (1)'),
    query(bed, 'acme', 'select 1'),
    pipeStatus(bed, 'acme'),
  ])
  for (const reply of failed) {
    expect(reply.status).toBe(503)
    expect(promiseOf(reply)).toEqual({ durability: null, lsn: null })
  }
  expect(await query(bed, 'easy', 'select 1')).toMatchObject({ status: 503 })
  expect(await send(bed, 'GET /v1/tenants')).toMatchObject({ status: 503 })
  expect(await send(bed, 'GET /v1/tenants/acme/durability')).toMatchObject({ status: 503 })
  expect(fatal).toHaveLength(1)
})

function pipeStatus(bed: HostBed, id: string): Promise<Reply> {
  return send(bed, `POST /t/${id}/v3/pipeline`, { json: { requests: [execute('insert into t values (2)')] } })
}

describe('the class of a tenant', () => {
  test('is shown, changed and given back to the server, and counts for open tenants at once', async () => {
    await using bed = await openTenants()
    expect((await send(bed, 'GET /v1/tenants/easy')).json).toMatchObject({ durability: 'relaxed' })
    expect((await send(bed, 'GET /v1/tenants/acme')).json).toMatchObject({ durability: null })
    const changed = await send(bed, 'PATCH /v1/tenants/acme', { json: { durability: 'relaxed' } })
    expect(changed).toMatchObject({ status: 200, json: { id: 'acme', durability: 'relaxed' } })
    expect(promiseOf(await query(bed, 'acme', 'select 1')).durability).toBe('relaxed')
    await send(bed, 'PATCH /v1/tenants/acme', { json: { durability: null } })
    expect(promiseOf(await query(bed, 'acme', 'select 1')).durability).toBe('local')
    expect((await send(bed, 'PATCH /v1/tenants/easy', { json: {} })).json).toMatchObject({ durability: 'relaxed' })
    expect(await send(bed, 'PATCH /v1/tenants/nobody', { json: { durability: 'local' } })).toMatchObject({
      status: 404,
    })
  })

  test('is the server’s where the tenant has none', async () => {
    await using bed = await openHost({ durability: 'relaxed' })
    await send(bed, 'POST /v1/tenants', { json: { id: 'acme' } })
    await send(bed, 'POST /v1/tenants', { json: { id: 'firm', durability: 'local' } })
    expect(promiseOf(await query(bed, 'acme', 'select 1')).durability).toBe('relaxed')
    expect(promiseOf(await query(bed, 'firm', 'select 1')).durability).toBe('local')
  })

  test('is raised by a request, never lowered', async () => {
    await using bed = await openTenants()
    const lowered = await query(bed, 'acme', 'select 1', { 'tenax-durability': 'relaxed' })
    expect(promiseOf(lowered).durability).toBe('local')
    expect(promiseOf(await query(bed, 'easy', 'select 1', LOCAL)).durability).toBe('local')
  })

  test('remote without a sink is refused wherever it is asked for', async () => {
    await using bed = await openTenants()
    const refused = { status: 400, json: { code: 'remote_not_configured' } }
    const remote = { durability: 'remote' }
    expect(await query(bed, 'acme', 'select 1', { 'tenax-durability': 'remote' })).toMatchObject(refused)
    expect(await send(bed, 'POST /v1/tenants', { json: { id: 'far', ...remote } })).toMatchObject(refused)
    expect(await send(bed, 'PATCH /v1/tenants/acme', { json: remote })).toMatchObject(refused)
    const waiting = 'GET /v1/tenants/acme/durability?wait_lsn=a.1&class=remote'
    expect(await send(bed, waiting)).toMatchObject(refused)
    expect(await send(bed, 'GET /v1/tenants/far')).toMatchObject({ status: 404 })
    await expect(openHost({ durability: 'remote' })).rejects.toMatchObject({ code: 'remote_not_configured' })
  })

  test('an unknown one is refused', async () => {
    await using bed = await openTenants()
    const refused = { status: 400, json: { code: 'argument_invalid' } }
    expect(await query(bed, 'acme', 'select 1', { 'tenax-durability': 'eternal' })).toMatchObject(refused)
    const hrana = { requests: [execute('select 1')] }
    const headers = { 'tenax-durability': '' }
    expect(await send(bed, 'POST /t/acme/v3/pipeline', { json: hrana, headers })).toMatchObject({
      status: 400,
      json: { code: 'ARGUMENT_INVALID' },
    })
    expect(await send(bed, 'PATCH /v1/tenants/acme', { json: { durability: 'eternal' } })).toMatchObject({
      status: 400,
    })
  })
})

describe('Tenax-LSN', () => {
  test('goes up by one with each commit, and stands on errors, reads, pipelines and cursors', async () => {
    await using bed = await openTenants()
    const first = lsnOf(await query(bed, 'acme', 'insert into t values (1)'))
    expect(lsnOf(await query(bed, 'acme', 'select * from t'))).toBe(first)
    expect(lsnOf(await query(bed, 'acme', 'select * from nowhere'))).toBe(first)
    const json = { requests: [execute('insert into t values (2)'), execute('insert into t values (3)')] }
    expect(lsnOf(await send(bed, 'POST /t/acme/v2/pipeline', { json }))).toBe(first + 2)
    const batch = { steps: [{ stmt: { sql: 'insert into t values (4)' } }] }
    expect(lsnOf(await send(bed, 'POST /t/acme/v3/cursor', { json: { batch } }))).toBe(first + 3)
  })

  test('stands on a reply of an open transaction, as of the last commit', async () => {
    await using bed = await openTenants()
    const before = lsnOf(await query(bed, 'acme', 'select 1'))
    const { baton } = await pipe(bed, 'acme', [execute('begin'), execute('insert into t values (1)')])
    const open = await send(bed, 'POST /t/acme/v3/pipeline', {
      json: { baton, requests: [{ type: 'get_autocommit' }] },
    })
    expect(lsnOf(open)).toBe(before)
    const next = member(open.json, 'baton')
    const requests = [execute('commit'), { type: 'close' }]
    expect(lsnOf(await send(bed, 'POST /t/acme/v3/pipeline', { json: { baton: next, requests } }))).toBe(before + 1)
  })

  test('is not there when no tenant was seen', async () => {
    await using bed = await openTenants()
    expect(promiseOf(await query(bed, 'nobody', 'select 1'))).toEqual({ durability: null, lsn: null })
  })
})

describe('GET /v1/tenants/:id/durability', () => {
  test('answers lost for a history that is not the tenant’s, and timeout for a commit that never comes', async () => {
    await using bed = await openTenants()
    const { lsn } = promiseOf(await query(bed, 'acme', 'select 1'))
    const lineage = lsn?.split('.')[0]
    const path = 'GET /v1/tenants/acme/durability'
    expect((await send(bed, `${path}?wait_lsn=elsewhere.1`)).json).toMatchObject({ waited: 'lost', lineage })
    const never = await send(bed, `${path}?wait_lsn=${lineage}.999&timeout_ms=30`)
    expect(never.json).toMatchObject({ waited: 'timeout' })
    expect((await send(bed, path)).json).toMatchObject({ waited: null, remote: null })
  })

  test('answers lost for a commit of a tenant that was replaced since', async () => {
    await using bed = await openTenants()
    const { lsn } = promiseOf(await query(bed, 'acme', 'select 1'))
    const file = await (await bed.fetch(new Request('http://localhost/v1/tenants/easy/export'))).arrayBuffer()
    const headers = { 'content-type': 'application/vnd.sqlite3' }
    expect(await send(bed, 'PUT /v1/tenants/acme/import', { body: file, headers })).toMatchObject({ status: 200 })
    const report = await send(bed, `GET /v1/tenants/acme/durability?wait_lsn=${lsn}`)
    expect(report.json).toMatchObject({ waited: 'lost' })
  })

  test('sees a commit that comes while it waits', async () => {
    await using bed = await openTenants()
    const [lineage, lsn] = promiseOf(await query(bed, 'acme', 'select 1')).lsn?.split('.') ?? []
    const waiting = send(bed, `GET /v1/tenants/acme/durability?wait_lsn=${lineage}.${Number(lsn) + 1}&timeout_ms=30000`)
    await query(bed, 'acme', 'insert into t values (1)')
    expect((await waiting).json).toMatchObject({ waited: 'reached' })
  })

  test.each(['wait_lsn=7', 'wait_lsn=a.b', 'class=eternal', 'timeout_ms=30001', 'timeout_ms=-1'])(
    'refuses ?%s',
    async (search) => {
      await using bed = await openTenants()
      const refused = { status: 400, json: { code: 'argument_invalid' } }
      expect(await send(bed, `GET /v1/tenants/acme/durability?${search}`)).toMatchObject(refused)
    },
  )
})

describe('an embedded tenant', () => {
  test('takes a class, asks for a stronger one, and tells how far it is', async () => {
    await using bed = await openTenants()
    const tenant = bed.tenax.tenant('inner')
    await tenant.create({ durability: 'relaxed' })
    await tenant.query('create table t (a)', [], { durability: 'local' })
    const report = await tenant.durability()
    expect(report.local).toBe(report.committed)
    await expect(tenant.query('select 1', [], { durability: 'remote' })).rejects.toMatchObject({
      code: 'remote_not_configured',
    })
  })
})
