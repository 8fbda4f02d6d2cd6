/** WORKFLOWS 28: a tenant's file is in another process's hands for a while, and nothing that was committed anywhere is lost. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { idOf } from '../fixtures/settings.ts'
import { codeOf, directoryMaker, type OpenTenancy, tenancyMaker } from '../fixtures/test-bed.ts'

// Before the maker of tenancies: what was made last goes first.
const newDirectory = directoryMaker()
const openTenancy = tenancyMaker()
const ACME = idOf('acme')
const CHILD = fileURLToPath(new URL('../fixtures/lent-child.ts', import.meta.url))

function startChild(directory: string, first: number, count: number): ChildProcess {
  const args = [CHILD, directory, ACME, String(first), String(count)]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function bed() {
  const bed = await openTenancy()
  await bed.tenancy.create(ACME)
  await bed.sql(ACME, 'CREATE TABLE t (n)')
  await bed.sql(ACME, 'INSERT INTO t VALUES (0)')
  return bed
}

async function rows({ sql }: OpenTenancy): Promise<number[]> {
  return (await sql(ACME, 'SELECT n FROM t ORDER BY n')).map(([n]) => Number(n))
}

const upTo = (count: number) => Array.from({ length: count + 1 }, (_, n) => n)

/** Kills the child when it has said `count` commits; gives the last. */
async function killBehind(child: ChildProcess, count: number): Promise<number> {
  let last = 0
  let made = 0
  if (child.stdout === null) throw new Error('the child has a stdout')
  for await (const line of createInterface(child.stdout)) {
    last = Number(line.split(' ')[1])
    made += 1
    if (made === count) child.kill('SIGKILL')
  }
  return last
}

/** Whether the file says its checksum as it comes home; an export throws when that is not what its bytes come to (LEDGER X1). */
async function isVerified({ sql, tenancy }: OpenTenancy): Promise<boolean> {
  const [row] = await sql(ACME, 'SELECT checksum IS NOT NULL AND checksum_lsn = lsn FROM tenax_meta')
  await tenancy.export(ACME, async () => undefined)
  return row?.[0] === 1n
}

test('what a process commits that a tenant is lent to is there afterwards, with number, history and checksum', async () => {
  const host = await bed()
  const before = await host.tenancy.stats(ACME)
  await host.tenancy.lend(ACME, async (directory) => {
    expect(await codeOf(host.sql(ACME, 'SELECT 1'))).toBe('tenant_in_transition')
    expect(await codeOf(host.tenancy.delete(ACME))).toBe('tenant_in_transition')
    await once(startChild(directory, 1, 5), 'exit')
  })
  expect(await rows(host)).toEqual(upTo(5))
  const after = await host.tenancy.stats(ACME)
  expect(after.lineage).toBe(before.lineage)
  expect(after.lsn).toBeGreaterThanOrEqual(before.lsn + 5n)
  expect(await isVerified(host)).toBe(true)
  await host.sql(ACME, 'INSERT INTO t VALUES (6)')
  await host.tenancy.export(ACME, async () => undefined)
  expect(readdirSync(join(host.dataPath, 'lent'))).toEqual([])
})

test('nothing is lost when the process is killed, and the tenant can be lent again', async () => {
  const host = await bed()
  let last = 0
  for (let round = 0; round < 3; round += 1) {
    last = await host.tenancy.lend(ACME, (directory) => killBehind(startChild(directory, last + 1, 0), 7))
    const found = await rows(host)
    expect(found).toEqual(upTo(Math.max(last, found.length - 1)))
    last = found.length
    expect(await isVerified(host)).toBe(true)
    await host.sql(ACME, 'INSERT INTO t VALUES (?)', BigInt(last))
  }
})

test('a tenant comes home when nobody could be lent it', async () => {
  const host = await bed()
  const work = host.tenancy.lend(ACME, () => Promise.reject(new Error('the process could not be started')))
  await expect(work).rejects.toThrow('could not be started')
  expect(await rows(host)).toEqual([0])
})

/** The state that a host leaves which is killed while the tenant is lent, the ledger as it is then. */
async function killedWhileLent(host: OpenTenancy, during: (directory: string) => Promise<void>): Promise<string> {
  const copy = newDirectory()
  await host.tenancy.lend(ACME, async (directory) => {
    await during(directory)
    cpSync(host.dataPath, copy, { recursive: true, filter: (path) => !path.endsWith('host.lock') })
  })
  return copy
}

test('a start takes back what a killed host had lent, with all that was committed there and before', async () => {
  const host = await bed()
  const copy = await killedWhileLent(host, async (directory) => {
    await killBehind(startChild(directory, 1, 0), 9)
  })
  const next = await openTenancy({ dataPath: copy })
  const found = await rows(next)
  expect(found.length).toBeGreaterThanOrEqual(10)
  expect(found).toEqual(upTo(found.length - 1))
  await next.tenancy.export(ACME, async () => undefined)
  expect(readdirSync(join(copy, 'lent'))).toEqual([])
})

test('a start finds the file at home when its host was killed before or behind the rename', async () => {
  const host = await bed()
  const copy = await killedWhileLent(host, async (directory) => void (await once(startChild(directory, 1, 3), 'exit')))
  const [place = ''] = readdirSync(join(copy, 'lent'))
  const file = readdirSync(join(copy, 'lent', place)).find((name) => name.endsWith('.db')) ?? ''
  const home = join(copy, 'shards', place.slice(0, 2), place.slice(3))
  mkdirSync(home, { recursive: true })
  renameSync(join(copy, 'lent', place, file), join(home, file))
  const next = await openTenancy({ dataPath: copy })
  expect(await rows(next)).toEqual(upTo(3))
  expect(existsSync(join(copy, 'lent', place))).toBe(false)
})

test('a start ends the process that still has a tenant, and loses nothing that it made', async () => {
  const host = await bed()
  const copy = await killedWhileLent(host, async () => undefined)
  const [place = ''] = readdirSync(join(copy, 'lent'))
  const orphan = startChild(join(copy, 'lent', place), 1, 0)
  const lines: number[] = []
  if (orphan.stdout === null) throw new Error('the child has a stdout')
  const said = createInterface(orphan.stdout).on('line', (line) => lines.push(Number(line.split(' ')[1])))
  await once(said, 'line')
  const gone = once(orphan, 'exit')
  const next = await openTenancy({ dataPath: copy })
  await gone
  const found = await rows(next)
  expect(found).toEqual(upTo(found.length - 1))
  expect(found).toEqual(expect.arrayContaining(lines))
})
