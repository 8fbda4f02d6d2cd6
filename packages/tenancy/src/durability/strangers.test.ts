/** What a stranger commits and moves into the main file before anybody looks: it is in no capture, and must stop no tenant. */
import { describe, expect, it } from 'vitest'
import { exportFile } from '../files/export.ts'
import { databaseBytes } from '../fixtures/odd-files.ts'
import { startOther } from '../fixtures/other-process.ts'
import { mainFileOf, sumOfBytes, sumsAtRest } from '../fixtures/page-sums.ts'
import { idOf, streamOf } from '../fixtures/settings.ts'
import { codeOf, gathered, type OpenTenancy, tenancyMaker } from '../fixtures/test-bed.ts'

const newTenancy = tenancyMaker()
const acme = idOf('acme')

const exported = ({ tenancy }: OpenTenancy) =>
  tenancy.export(acme, async ({ chunks }) => Buffer.concat(await gathered(chunks)))

async function atRest({ tenancy }: OpenTenancy): Promise<void> {
  await tenancy.suspend(acme)
  await tenancy.resume(acme)
}

const GROWTH = 'INSERT INTO t(b) SELECT randomblob(3000) FROM generate_series(1, 50)'

/** A tenant whose main file says its checksum. */
async function served(): Promise<OpenTenancy> {
  const open = await newTenancy()
  await open.tenancy.create(acme)
  await open.sql(acme, 'CREATE TABLE t(a INTEGER PRIMARY KEY, b)')
  await open.sql(acme, GROWTH)
  await open.tenancy.use(acme, (handle) => handle.checkpointSoon())
  return open
}

async function shell(open: OpenTenancy, lines: readonly string[]): Promise<void> {
  const other = await startOther('shell', mainFileOf(open, acme))
  for (const line of lines) await other.ask(line)
  await other.end()
}

const TRUNCATE = 'PRAGMA wal_checkpoint(TRUNCATE)'
const GROWN = 'INSERT INTO t(b) SELECT randomblob(3000) FROM t'
const UNSEEN: readonly (readonly [what: string, lines: readonly string[]])[] = [
  ['a row', ["INSERT INTO t(b) VALUES ('theirs')", TRUNCATE]],
  ['growth', [GROWN, TRUNCATE]],
  ['growth in a log that was then begun anew', [GROWN, 'PRAGMA wal_checkpoint(PASSIVE)', GROWN]],
  ['VACUUM', ['DELETE FROM t WHERE a % 2', 'VACUUM', TRUNCATE]],
]

describe('what a stranger moved into the main file by itself', () => {
  describe.each([
    ['an idle tenant', []],
    ['a tenant with commits in its log', ["INSERT INTO t(b) VALUES ('ours')"]],
  ])('of %s', (_, before) => {
    it.each(UNSEEN)('(%s) makes the checksum unknown, and stops nobody', async (_what, lines) => {
      const open = await served()
      for (const text of before) await open.sql(acme, text)
      await shell(open, lines)
      await atRest(open)
      const { said, found } = await sumsAtRest(open, acme)
      expect([undefined, found]).toContain(said)
      expect([await codeOf(exported(open)), open.tenancy.get(acme).quarantineReason]).toEqual(['ok', undefined])
      await shell(open, lines)
      expect([await codeOf(exported(open)), open.tenancy.get(acme).quarantineReason]).toEqual(['ok', undefined])
      await shell(open, lines)
      expect(await codeOf(open.sql(acme, GROWTH))).toBe('ok')
      expect([await codeOf(exported(open)), open.tenancy.get(acme).quarantineReason]).toEqual(['ok', undefined])
    })
  })

  it('during an export ends that export, and gives no copy of two moments', async () => {
    const open = await served()
    await open.sql(acme, 'CREATE TABLE u AS SELECT * FROM t')
    await open.sql(acme, 'INSERT INTO u SELECT * FROM u')
    await open.sql(acme, 'INSERT INTO u SELECT * FROM u')
    const reading = open.tenancy.export(acme, async ({ chunks }) => {
      for await (const _chunk of chunks)
        await shell(open, ["UPDATE u SET b = 'theirs'", 'PRAGMA wal_checkpoint(PASSIVE)'])
    })
    expect(await codeOf(reading)).toBe('unavailable')
    expect(await codeOf(exported(open))).toBe('ok')
  })

  it('while an export verifies the file stops nobody', async () => {
    const open = await served()
    await open.tenancy.use(acme, async (handle) => {
      const verify = handle.verifyMain.bind(handle)
      const other = await startOther('shell', mainFileOf(open, acme))
      let isFirst = true
      handle.verifyMain = async (check) => {
        if (isFirst)
          for (const line of ["UPDATE t SET b = 'theirs'", 'PRAGMA wal_checkpoint(PASSIVE)']) await other.ask(line)
        isFirst = false
        return verify(check)
      }
      const { chunks, end } = await exportFile(handle)
      expect(sumOfBytes(Buffer.concat(await gathered(chunks)))).not.toBe(0n)
      end()
      await other.end()
    })
    expect(open.tenancy.get(acme).quarantineReason).toBeUndefined()
  })

  it('may be the page of tenax_meta itself', async () => {
    const open = await newTenancy()
    const text = 'CREATE TABLE gone(a, b UNIQUE); CREATE TABLE t(n); INSERT INTO t VALUES (1)'
    await open.tenancy.import(acme, streamOf(databaseBytes((db) => db.exec(text))))
    await open.sql(acme, 'DROP TABLE gone')
    await atRest(open)
    const rootOfMeta = "SELECT rootpage FROM sqlite_schema WHERE name = 'tenax_meta'"
    const before = await open.sql(acme, rootOfMeta)
    await shell(open, ['VACUUM', TRUNCATE])
    expect(await codeOf(open.sql(acme, 'INSERT INTO t VALUES (2)'))).toBe('ok')
    expect(await open.sql(acme, rootOfMeta)).not.toEqual(before)
    expect(await codeOf(exported(open))).toBe('ok')
  })

  it('stops nobody while two exports read the file', async () => {
    const open = await served()
    await open.sql(acme, 'DELETE FROM t WHERE a % 2')
    const codes = await open.tenancy.export(acme, async ({ chunks }) => {
      await shell(open, ['VACUUM', TRUNCATE])
      const second = await codeOf(exported(open))
      return [second, await codeOf(gathered(chunks))]
    })
    expect(codes).toEqual(['unavailable', 'unavailable'])
    expect(open.tenancy.get(acme).quarantineReason).toBeUndefined()
    expect(await codeOf(exported(open))).toBe('ok')
  })

  it('leaves a checksum known that the log alone was changed by', async () => {
    const open = await served()
    await open.sql(acme, "INSERT INTO t(b) VALUES ('ours')")
    await shell(open, ["INSERT INTO t(b) VALUES ('theirs')"])
    await open.sql(acme, "INSERT INTO t(b) VALUES ('ours')")
    await atRest(open)
    const { said, found } = await sumsAtRest(open, acme)
    expect(said).toBe(found)
  })
})
