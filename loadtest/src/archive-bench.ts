/**
 * The bench of archived tenants: `npm run bench:archive`, over a directory, and over the S3 server that TENAX_TEST_S3_ENDPOINT
 * names if one does; with `--quick` fewer rounds.
 */
import { join } from 'node:path'
import { type BlobStore, openFsStore } from '@tenax/blobstore'
import { MIB_BYTES } from '@tenax/kernel'
import { systemRandomId } from '@tenax/tenancy'
import { type ArchiveFigures, measureArchive } from './archive/archive.ts'
import { openBenchS3 } from './archive/bench-s3.ts'
import { scratchDirectory } from './bench/fixture.ts'
import { describeMachine, machineLines, measureDisk } from './bench/machine.ts'
import { saveReport } from './bench/save-report.ts'
import { figure, markdownTable } from './markdown.ts'
import { readBenchSettings, readS3Environment } from './settings.ts'
import type { LatencySummary } from './statistics.ts'

const { quick, save } = readBenchSettings(process.argv.slice(2))
const SIZES = [
  { name: '64 KiB', bytes: MIB_BYTES / 16, roundCount: quick ? 10 : 100 },
  { name: '1 MiB', bytes: MIB_BYTES, roundCount: quick ? 10 : 100 },
  { name: '64 MiB', bytes: 64 * MIB_BYTES, roundCount: quick ? 1 : 5 },
]

const machine = describeMachine()
const lines = machineLines(machine, measureDisk())
using scratch = scratchDirectory()
const stores: BlobStore[] = [await openFsStore({ directory: join(scratch.path, 'store'), randomId: systemRandomId })]
const s3 = readS3Environment()
if (s3 !== undefined) stores.push(await openBenchS3(s3))
const rows: string[][] = []
for (const store of stores) {
  for (const size of SIZES) {
    console.error(`${store.name}, ${size.name}`)
    rows.push(rowOf(store.name, await measureArchive(store, size)))
  }
  await store.close()
}
const report = [
  `# Bench of archived tenants at ${machine.commit}`,
  '',
  ...lines,
  '- milliseconds, p50 / p99; one tenant at a time; random text that compresses to half',
  '',
  markdownTable(
    [
      'store',
      'file',
      'rounds',
      'archive, all new',
      'archive, one row changed',
      'hydrate and query',
      'put 1 MiB',
      'get 1 MiB',
      'calls for an archive',
    ],
    rows,
  ),
  '',
].join('\n')
console.log(report)
if (save) saveReport(report, `${machine.commit}-archive`)

function rowOf(store: string, figures: ArchiveFigures): string[] {
  const { size, first, changed, hydrate, rawPut, rawGet, callsPerArchive } = figures
  const calls = Object.entries(callsPerArchive).filter(([, count]) => count > 0)
  const latencies = [first, changed, hydrate, rawPut, rawGet].map(both)
  return [
    store,
    size.name,
    String(size.roundCount),
    ...latencies,
    calls.map(([verb, count]) => `${count} ${verb}`).join(', '),
  ]
}

function both({ p50Ms, p99Ms }: LatencySummary): string {
  return `${figure(p50Ms)} / ${figure(p99Ms)}`
}
