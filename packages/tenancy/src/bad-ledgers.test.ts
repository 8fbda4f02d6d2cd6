import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { xxh64 } from '@node-rs/xxhash'
import { isTenaxError, ManualClock, MIB_BYTES, type TenaxError } from '@tenax/kernel'
import { beforeAll, describe, expect, it } from 'vitest'
import { Layout } from './files/layout.ts'
import { bytesOf, crashCopy, flipBit, ledgersIn, recordsIn } from './fixtures/ledger-files.ts'
import { idOf } from './fixtures/settings.ts'
import { directoryMaker, tenancyMaker } from './fixtures/test-bed.ts'

const newDirectory = directoryMaker() // first, so that it is removed behind the tenancies in it
const openTenancy = tenancyMaker()
const acme = idOf('acme')
const ROWS = 30
const options = { shardCount: 2, ledger: { segmentBytesMax: 256 * 1024, batchBytesMax: 64 * 1024 } }

/** A data directory as a crash leaves it: one tenant, one ledger of several segments, nothing in any main file. */
async function crashedDirectory(segmentBytesMax = options.ledger.segmentBytesMax): Promise<string> {
  const { tenancy, dataPath, sql } = await openTenancy({ ...options, ledger: { ...options.ledger, segmentBytesMax } })
  await tenancy.create(acme)
  await sql(acme, 'CREATE TABLE t(a)')
  for (let n = 0; n < ROWS; n += 1) await sql(acme, 'INSERT INTO t VALUES (randomblob(20000))')
  const copy = crashCopy(dataPath, newDirectory())
  await tenancy.close()
  return copy
}

let base: string
let foreign: string
/** A ledger of one segment, which is its last. */
let single: string

beforeAll(async () => {
  base = await crashedDirectory()
  foreign = await crashedDirectory()
  single = await crashedDirectory(4 * MIB_BYTES)
})

const ledgerOf = (dataPath: string) => ledgersIn(new Layout(dataPath).ledgers)[0] ?? expect.unreachable('a ledger')
const segmentOf = (dataPath: string, id: number) => join(ledgerOf(dataPath), `${String(id).padStart(8, '0')}.seg`)

async function rowsOf(dataPath: string): Promise<unknown> {
  const { tenancy, sql } = await openTenancy({ ...options, dataPath })
  const [row] = await sql(acme, 'SELECT count(*) FROM t')
  await tenancy.close()
  return row?.[0]
}

async function failureOf(dataPath: string): Promise<TenaxError> {
  try {
    await openTenancy({ ...options, dataPath })
  } catch (error) {
    if (isTenaxError(error)) return error
    throw error
  }
  return expect.unreachable('the start went well')
}

/** Puts another version into the header of a segment, and the right hash. */
function setVersion(path: string, version: number): void {
  const bytes = readFileSync(path)
  bytes.writeUInt32LE(version, 8)
  bytes.writeBigUInt64LE(xxh64(bytes.subarray(0, 504), 0n), 504)
  writeFileSync(path, bytes)
}

function zeroFrom(path: string, offset: number): void {
  writeFileSync(path, readFileSync(path).fill(0, offset))
}

function swap(one: string, other: string): void {
  renameSync(one, `${one}.aside`)
  renameSync(other, one)
  renameSync(`${one}.aside`, other)
}

function putDirectory(path: string): void {
  rmSync(path, { force: true })
  mkdirSync(path)
}

type Wrong = readonly [what: string, code: string, message: RegExp, damage: (dataPath: string) => void]

const WRONG: readonly Wrong[] = [
  [
    'a segment that is cut short',
    'ledger_damaged',
    /^ledgers\/\d{8}-\w{20}\/00000001\.seg is damaged at offset \d+: /,
    (dataPath) => truncateSync(segmentOf(dataPath, 1), 60_000),
  ],
  [
    'a segment that is empty',
    'ledger_damaged',
    /00000000\.seg is damaged at offset 0: /,
    (dataPath) => truncateSync(segmentOf(dataPath, 0)),
  ],
  [
    'a segment that is gone',
    'ledger_damaged',
    /0000000[01]\.seg is damaged at offset 0: /,
    (dataPath) => rmSync(segmentOf(dataPath, 1)),
  ],
  [
    'two segments that are swapped',
    'ledger_damaged',
    /00000000\.seg is damaged at offset 0: the file holds segment 00000001\.seg/,
    (dataPath) => swap(segmentOf(dataPath, 0), segmentOf(dataPath, 1)),
  ],
  [
    'a segment of another data directory',
    'ledger_damaged',
    /00000001\.seg is damaged at offset 0: the segment belongs to another ledger/,
    (dataPath) => cpSync(segmentOf(foreign, 1), segmentOf(dataPath, 1)),
  ],
  [
    'a ledger of another data directory',
    'data_format_invalid',
    /^the ledger ledgers\/\d{8}-\w{20} belongs to another data directory$/,
    (dataPath) => {
      rmSync(ledgerOf(dataPath), { recursive: true })
      cpSync(ledgerOf(foreign), join(new Layout(dataPath).ledgers, basename(ledgerOf(foreign))), { recursive: true })
    },
  ],
  [
    'a segment of a newer version',
    'data_format_newer',
    /^ledgers\/\d{8}-\w{20}\/00000001\.seg was written by a newer Tenax: /,
    (dataPath) => setVersion(segmentOf(dataPath, 1), 2),
  ],
  [
    'a flipped bit before a durable offset that a later batch claims',
    'ledger_damaged',
    /00000000\.seg is damaged at offset \d+: /,
    (dataPath) => flipBit(segmentOf(dataPath, 0), 100_000),
  ],
  [
    'a flipped bit in the header of a batch in the last segment, with whole batches behind it',
    'ledger_damaged',
    /\.seg is damaged at offset 512: /,
    (dataPath) => flipBit(segmentOf(dataPath, lastSegment(dataPath)), 520),
  ],
  [
    'an unclean-epoch that is garbage',
    'data_format_invalid',
    /^ledgers\/unclean-epoch is not what Tenax writes$/,
    (dataPath) => writeFileSync(new Layout(dataPath).uncleanEpoch, 'seven\n'),
  ],
  [
    'a directory in place of a segment',
    'ledger_damaged',
    /^ledgers\/\d{8}-\w{20}\/00000001\.seg is damaged at offset 0: a directory has its name$/,
    (dataPath) => putDirectory(segmentOf(dataPath, 1)),
  ],
  [
    'a directory in place of unclean-epoch',
    'data_format_invalid',
    /^ledgers\/unclean-epoch is not what Tenax writes$/,
    (dataPath) => putDirectory(new Layout(dataPath).uncleanEpoch),
  ],
  [
    'an unclean-epoch that is empty',
    'data_format_invalid',
    /^ledgers\/unclean-epoch is not what Tenax writes$/,
    (dataPath) => writeFileSync(new Layout(dataPath).uncleanEpoch, ''),
  ],
]

const SHORT: readonly Wrong[] = [
  ['empty', 0],
  ['cut to 100 bytes', 100],
  ['cut behind its header', 512],
  ['cut to 300 KB', 300_000],
  ['cut by a byte', 4 * MIB_BYTES - 1],
].map(([what, byteCount]) => [
  `a last segment that is ${what}`,
  'ledger_damaged',
  new RegExp(`/00000000\\.seg is damaged at offset \\d+: the file is ${byteCount} bytes long, and was at least \\d+$`),
  (dataPath) => truncateSync(segmentOf(dataPath, 0), Number(byteCount)),
])

function lastSegment(dataPath: string): number {
  const names = [...bytesOf(dataPath, ['ledgers']).keys()].filter((path) => path.endsWith('.seg'))
  return Number.parseInt(basename(names.at(-1) ?? ''), 10)
}

/** Two starts end with the error, nothing is changed, and all is well again with the right ledgers of `source`. */
async function expectRefused(source: string, [, code, message, damage]: Wrong): Promise<void> {
  const dataPath = crashCopy(source, newDirectory())
  damage(dataPath)
  const parts = ['ledgers', 'shards', 'tenax.json']
  const before = bytesOf(dataPath, parts)
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const error = await failureOf(dataPath)
    expect([error.code, error.hint]).toEqual([code, expect.stringMatching(/./)])
    expect(error.message).toMatch(message)
  }
  const after = bytesOf(dataPath, parts)
  expect([...after.keys()]).toEqual([...before.keys()])
  for (const [path, bytes] of before) expect(after.get(path) === bytes, path).toBe(true)
  const { ledgers } = new Layout(dataPath)
  rmSync(ledgers, { recursive: true })
  cpSync(new Layout(source).ledgers, ledgers, { recursive: true })
  expect(await rowsOf(dataPath)).toBe(BigInt(ROWS))
}

describe('a start that finds', () => {
  it.each(WRONG)('%s ends with %s, changes nothing, and goes well when it is put right', (...wrong) =>
    expectRefused(base, wrong),
  )
  it.each(SHORT)('%s ends with %s, changes nothing, and goes well when it is put right', (...wrong) =>
    expectRefused(single, wrong),
  )
})

describe('a tail of one tenant that is longer than the buffer of the ledger', () => {
  it('is recovered all the same', async () => {
    const ledger = { ...options.ledger, bufferBytesMax: 128 * 1024 }
    const { sql } = await openTenancy({ ...options, ledger, dataPath: crashCopy(base, newDirectory()) })
    expect(await sql(acme, 'SELECT count(*) FROM t')).toEqual([[BigInt(ROWS)]])
  })
})

describe('a torn tail', () => {
  it.each([
    ['a flipped bit in the last batch', (path: string, end: number) => flipBit(path, end - 1)],
    ['a last batch that is written in part', (path: string, end: number) => zeroFrom(path, end - 1_000)],
  ])('of %s is cut there: all commits before it are served', async (_what, tear) => {
    const dataPath = crashCopy(base, newDirectory())
    const { end } = await recordsIn(ledgerOf(dataPath))
    tear(segmentOf(dataPath, end.place.segmentId), end.place.offset)
    expect(await rowsOf(dataPath)).toBe(BigInt(ROWS - 1))
    expect(await rowsOf(dataPath)).toBe(BigInt(ROWS - 1))
  })
})

describe('a clock that jumps backwards', () => {
  it('loses nothing: commits are ordered by their numbers', async () => {
    const dataPath = newDirectory()
    const years = [2_000_000_000_000, 1_000_000_000_000, 1, 1_700_000_000_000]
    for (const [index, startMs] of years.entries()) {
      const { tenancy, sql } = await openTenancy({ ...options, dataPath, clock: new ManualClock(startMs) })
      if (index === 0) await tenancy.create(acme)
      if (index === 0) await sql(acme, 'CREATE TABLE t(a)')
      await sql(acme, 'INSERT INTO t VALUES (?)', BigInt(startMs))
      await tenancy.use(acme, (handle) => handle.checkpointSoon())
      await sql(acme, 'INSERT INTO t VALUES (?)', BigInt(startMs))
      // Two inserts, and two stamps: one before each checkpoint, of which the last one's is not made yet.
      expect((await tenancy.stats(acme)).lsn).toBe(BigInt(2 + 4 * (index + 1) - 1))
      await tenancy.close()
    }
    const crashed = await openTenancy({ ...options, dataPath: crashCopy(dataPath, newDirectory()) })
    expect(await crashed.sql(acme, 'SELECT a FROM t')).toEqual(years.flatMap((ms) => [[BigInt(ms)], [BigInt(ms)]]))
  })
})
