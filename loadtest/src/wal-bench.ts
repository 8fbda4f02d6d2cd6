/**
 * What capturing costs: a commit of three pages on libSQL, then reading it back from the log, proving it, copying its pages, and
 * carrying the page checksum on; and one large commit, redone. `node loadtest/src/wal-bench.ts`
 */
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  checksumOfFile,
  type EngineConnection,
  FileChecksum,
  libsqlDriver,
  makeTemplate,
  PAGE_BYTES,
  proveCommits,
  WalReader,
  writeRedoWal,
} from '@tenax/sqlite'
import { scratchDirectory } from './bench/fixture.ts'
import { figure, markdownTable } from './markdown.ts'
import { percentile } from './statistics.ts'

const COMMIT_COUNT = 20_000
const WARM_UP_COUNT = 5_000
const COMMITS_PER_CHECKPOINT = 2_000
const LARGE_ROWS = 20_000
const META_PAGE = 3
const SCHEMA = [
  'CREATE TABLE tenax_meta(id INTEGER PRIMARY KEY, format INTEGER, incarnation TEXT, lineage TEXT, lsn INTEGER)',
  "INSERT INTO tenax_meta VALUES (1, 1, 'incarnation0incarnat', 'lineage0lineage0line', 0)",
  'CREATE TABLE one(n INTEGER)',
  'CREATE TABLE two(n INTEGER)',
  'INSERT INTO one VALUES (0)',
  'INSERT INTO two VALUES (0)',
]
const SMALL_COMMIT = [
  'BEGIN IMMEDIATE',
  'UPDATE one SET n = n + 1',
  'UPDATE two SET n = n + 1',
  'UPDATE tenax_meta SET lsn = lsn + 1',
  'COMMIT',
]
const LARGE_COMMIT = `BEGIN; CREATE TABLE large(b); INSERT INTO large SELECT randomblob(3900) FROM generate_series(1, ${LARGE_ROWS});
  UPDATE tenax_meta SET lsn = lsn + 1; COMMIT`

using scratch = scratchDirectory()
const path = join(scratch.path, 'live.db')
const template = makeTemplate(libsqlDriver, join(scratch.path, 'template.db'), SCHEMA)
writeFileSync(path, template)
const connection = openLive()
const databasePages = template.length / PAGE_BYTES
const reader = WalReader.open(path, databasePages)
const descriptor = openSync(path, 'r')
const checksum = new FileChecksum(descriptor, {
  checksum: await checksumOfFile(descriptor, databasePages),
  databasePages,
})
measureSmall(WARM_UP_COUNT)
console.log(measureSmall(COMMIT_COUNT))
console.log(await measureLarge())
reader.close()
checkpoint()
connection.close()
closeSync(descriptor)

function openLive(): EngineConnection {
  const opened = libsqlDriver.open(path)
  for (const pragma of ['synchronous = OFF', 'wal_autocheckpoint = 0', 'cache_size = -128', 'page_count']) {
    opened.prepare(`PRAGMA ${pragma}`).get()
  }
  return opened
}

function checkpoint(): void {
  connection.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
  checksum.checkpointed()
}

function measureSmall(count: number): string {
  const statements = SMALL_COMMIT.map((sql) => connection.prepare(sql))
  const copies = Buffer.alloc(SMALL_COMMIT.length * PAGE_BYTES)
  const rows = ['commit', 'capture', 'prove and copy', 'checksum'].map((name) => ({
    name,
    us: new Float64Array(count),
  }))
  let frames = 0
  for (let index = 0; index < count; index += 1) {
    const times = [performance.now()]
    for (const statement of statements) statement.get()
    times.push(performance.now())
    const capture = reader.capture(META_PAGE)
    times.push(performance.now())
    if (capture === undefined) throw new Error('nothing was captured')
    proveCommits(capture, (capture.commits[0]?.lsn ?? 0n) - 1n)
    let at = 0
    for (const { bytes } of capture.pages) {
      copies.set(bytes, at)
      at += PAGE_BYTES
    }
    times.push(performance.now())
    checksum.apply(capture)
    times.push(performance.now())
    for (const [step, row] of rows.entries()) row.us[index] = ((times[step + 1] ?? 0) - (times[step] ?? 0)) * 1000
    frames += capture.frameCount
    if (index % COMMITS_PER_CHECKPOINT === 0) checkpoint()
  }
  const body = rows.map(({ name, us }) => {
    const sorted = us.toSorted()
    return [
      name,
      figure(us.reduce((sum, one) => sum + one) / count),
      ...[0.5, 0.99].map((at) => figure(percentile(sorted, at))),
    ]
  })
  return `${frames / count} pages a commit, ${count} commits\n\n${markdownTable(['step', 'mean µs', 'p50 µs', 'p99 µs'], body)}`
}

async function measureLarge(): Promise<string> {
  connection.script(LARGE_COMMIT)
  const times = [performance.now()]
  const capture = reader.capture(META_PAGE)
  if (capture === undefined) throw new Error('nothing was captured')
  times.push(performance.now())
  const pages = Array.from(capture.pages, ({ number, bytes }) => ({ number, bytes: Buffer.from(bytes) }))
  times.push(performance.now())
  checksum.apply(capture)
  times.push(performance.now())
  const copy = join(scratch.path, 'copy.db')
  writeFileSync(copy, template)
  await writeRedoWal(copy, { pages, databasePages: capture.databasePages, salts: [1, 2] })
  times.push(performance.now())
  const names = ['capture', 'copy', 'checksum', 'redo log written and synced']
  const body = names.map((name, step) => [name, figure((times[step + 1] ?? 0) - (times[step] ?? 0))])
  return `\none commit of ${capture.pageCount} pages\n\n${markdownTable(['step', 'ms'], body)}`
}
