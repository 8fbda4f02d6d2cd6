import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fakeIo } from '../fixtures/fake-context.ts'
import { main } from '../main.ts'
import { readSettings } from '../settings.ts'

const root = mkdtempSync(join(tmpdir(), 'tenax-cli-ledger-'))
let close = () => Promise.resolve()
afterAll(async () => {
  await close()
  rmSync(root, { recursive: true, force: true })
})

async function run(...args: string[]) {
  const io = fakeIo()
  const exitCode = await main(['ledger', ...args], { io, settings: readSettings({}) })
  return { exitCode, out: io.out(), err: io.err() }
}

async function runJson(...args: string[]) {
  const { exitCode, out } = await run(...args, '--json')
  return { exitCode, ...JSON.parse(out) }
}

const serving = join(root, 'serving')
/** The directory as a crash would leave it. */
const crashed = join(root, 'crashed')
let counter = 0

function copyOf(): string {
  counter += 1
  const copy = join(root, `copy-${counter}`)
  cpSync(crashed, copy, { recursive: true })
  return copy
}

function segmentOf(data: string): string {
  const [ledger] = readdirSync(join(data, 'ledgers'))
  return join(data, 'ledgers', ledger ?? '', '00000000.seg')
}

beforeAll(async () => {
  const { createTenax } = await import('tenax')
  const tenax = await createTenax({ data: serving, shardCount: 2 })
  for (const id of ['acme', 'other']) await tenax.tenant(id).create()
  await tenax.tenant('acme').query('CREATE TABLE t(a)')
  for (const value of [1, 2, 3]) await tenax.tenant('acme').query('INSERT INTO t VALUES (?)', [value])
  cpSync(serving, crashed, { recursive: true })
  close = () => tenax.close()
})

describe('ledger inspect', () => {
  test('lists entries beside a running server, with tenants by their ids', async () => {
    const { exitCode, records } = await runJson('inspect', '--data', serving)
    expect(exitCode).toBe(0)
    const acme = records.filter(({ tenant }: { tenant: string }) => tenant === 'acme')
    expect(acme.map(({ kind, lsn }: { kind: string; lsn: number }) => [kind, lsn])).toEqual(
      [1, 2, 3, 4, 5].map((lsn) => ['entry', lsn]),
    )
    expect(acme[0]).toMatchObject({ segment: '00000000.seg', offset: expect.any(Number), time: null })
    expect(acme[0].pageBytes).toBe(acme[0].pageCount * 4096)
    const tenants = new Set(records.map(({ tenant }: { tenant: string }) => tenant))
    expect(tenants).toEqual(new Set(['acme', 'other', '(catalog 00)', '(catalog 01)']))
  })

  test('takes a tenant, by id or incarnation, and a limit', async () => {
    const all = await runJson('inspect', '--data', crashed, '--tenant', 'acme')
    const { incarnation } = all.records[0]
    expect(await runJson('inspect', '--data', crashed, '--tenant', incarnation)).toEqual(all)
    const { records } = await runJson('inspect', '--data', crashed, '--tenant', 'acme', '--limit', '2')
    expect(records).toEqual(all.records.slice(0, 2))
  })

  test('is a table for people, with a sum', async () => {
    const { exitCode, out } = await run('inspect', '--data', crashed, '--tenant', 'acme')
    expect(exitCode).toBe(0)
    expect(out).toMatch(/^ledger +record +kind +tenant +lsn +pages +bytes +time +segment +offset\n/)
    expect(out).toMatch(/\n5 records, 5 entries of 1 tenants, \d+(\.\d)? KiB\n0{7}1-\w{20} ends: open\n$/)
  })

  test('shows what stands before damage, then names the place and fails', async () => {
    const data = copyOf()
    const bytes = readFileSync(segmentOf(data))
    const { records } = await runJson('inspect', '--data', data, '--tenant', 'acme')
    bytes.writeUInt8(bytes.readUInt8(records[2].offset + 200) ^ 1, records[2].offset + 200)
    writeFileSync(segmentOf(data), bytes)
    const { exitCode, out, err } = await run('inspect', '--data', data, '--tenant', 'acme')
    expect(exitCode).toBe(1)
    expect(out).toContain('2 records, 2 entries')
    expect(err).toMatch(/00000000\.seg is damaged at offset \d+/)
  })

  test('reads one ledger directory that is named', async () => {
    const directory = join(segmentOf(crashed), '..')
    const { records } = await runJson('inspect', '--dir', directory)
    expect(records.length).toBeGreaterThan(7)
    expect(records.every(({ tenant }: { tenant: unknown }) => tenant === null)).toBe(true)
    expect((await runJson('inspect', '--dir', join(directory, '..'))).records).toEqual(records)
  })
})

describe('ledger verify', () => {
  test('counts what whole ledgers hold, and changes nothing', async () => {
    const before = readFileSync(segmentOf(crashed))
    const { exitCode, ok, ledgers } = await runJson('verify', '--data', crashed)
    expect([exitCode, ok]).toEqual([0, true])
    expect(ledgers).toMatchObject([{ tenantCount: 4, end: { state: 'open' }, fault: null }])
    expect(readFileSync(segmentOf(crashed)).equals(before)).toBe(true)
    expect((await run('verify', '--data', serving)).out).toMatch(/^ok {4}0{7}1-\w{20} {2}\d+ records/)
  })

  test('says the first bad byte by segment and offset, with exit code 1', async () => {
    const data = copyOf()
    const bytes = readFileSync(segmentOf(data))
    bytes.writeUInt8(bytes.readUInt8(700) ^ 1, 700)
    writeFileSync(segmentOf(data), bytes)
    const verdict = await runJson('verify', '--data', data)
    expect(verdict).toMatchObject({ exitCode: 1, ok: false })
    expect(verdict.ledgers[0].fault).toMatchObject({ code: 'ledger_damaged', segment: '00000000.seg', offset: 512 })
    const { exitCode, out, err } = await run('verify', '--data', data)
    expect(exitCode).toBe(1)
    expect(out).toMatch(/^fail {2}0{7}1-\w{20} {2}00000000\.seg at offset 512: /)
    expect(err).toContain('1 of 1 ledgers cannot be used')
  })

  test('a torn end is no damage, and is named', async () => {
    const data = copyOf()
    const { ledgers } = await runJson('verify', '--data', data)
    writeFileSync(segmentOf(data), readFileSync(segmentOf(data)).fill(0, ledgers[0].end.offset - 5))
    const { exitCode, out } = await run('verify', '--data', data)
    expect([exitCode, out]).toEqual([0, expect.stringMatching(/ends torn at 00000000\.seg offset \d+: cut there/)])
  })

  test('a last segment that was cut short fails: its length is named', async () => {
    const data = copyOf()
    truncateSync(segmentOf(data), 600)
    const { exitCode, out } = await run('verify', '--data', data)
    expect([exitCode, out]).toEqual([
      1,
      expect.stringContaining('00000000.seg at offset 512: the file is 600 bytes long'),
    ])
  })

  test('a ledger of another data directory fails', async () => {
    const data = copyOf()
    const identity = JSON.parse(readFileSync(join(data, 'tenax.json'), 'utf8'))
    writeFileSync(join(data, 'tenax.json'), JSON.stringify({ ...identity, dataId: 'z'.repeat(20) }))
    const { exitCode, ledgers } = await runJson('verify', '--data', data)
    expect([exitCode, ledgers[0].fault.code]).toEqual([1, 'data_format_invalid'])
  })

  test('where there is no ledger is a mistake of the command line', async () => {
    const { exitCode, err } = await run('verify', '--data', join(root, 'nothing'))
    expect([exitCode, err]).toEqual([2, expect.stringContaining('holds no ledger')])
  })
})
