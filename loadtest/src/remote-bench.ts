/**
 * The bench of class `remote`: `npm run bench:remote`, over a directory, and over the S3 server that TENAX_TEST_S3_ENDPOINT names if
 * one does; with `--quick` for a shorter time.
 */
import { join } from 'node:path'
import { type BlobStore, openFsStore } from '@tenax/blobstore'
import { systemRandomId } from '@tenax/tenancy'
import { openBenchS3 } from './archive/bench-s3.ts'
import { scratchDirectory } from './bench/fixture.ts'
import { describeMachine, machineLines, measureDisk } from './bench/machine.ts'
import { saveReport } from './bench/save-report.ts'
import { figure, markdownTable } from './markdown.ts'
import { measureRemote, type RemoteFigures, type RemoteLoad } from './remote/remote.ts'
import { readBenchSettings, readS3Environment } from './settings.ts'
import type { LatencySummary } from './statistics.ts'

const { quick, save } = readBenchSettings(process.argv.slice(2))
const durationMs = quick ? 2_000 : 10_000
const LOADS: readonly RemoteLoad[] = [
  { durability: 'local', inFlight: 64, durationMs },
  { durability: 'remote', inFlight: 1, durationMs },
  { durability: 'remote', inFlight: 64, durationMs },
  { durability: 'remote', inFlight: 512, durationMs },
]

const machine = describeMachine()
const lines = machineLines(machine, measureDisk())
using scratch = scratchDirectory()
// Each load has a store of its own: an empty directory beside one that is known would be recovered from it.
const openFs = () => openFsStore({ directory: join(scratch.path, systemRandomId()), randomId: systemRandomId })
const s3 = readS3Environment()
const makers: (() => Promise<BlobStore>)[] = [openFs, ...(s3 === undefined ? [] : [() => openBenchS3(s3)])]
const rows: string[][] = []
for (const open of makers) {
  for (const load of LOADS) {
    const store = await open()
    console.error(`${store.name}, ${load.durability}, ${load.inFlight}`)
    rows.push(rowOf(store.name, await measureRemote(store, load)))
    await store.close()
  }
}
const report = [
  `# Bench of class remote at ${machine.commit}`,
  '',
  ...lines,
  '- one row a commit, a tenant for each in flight, in process; milliseconds, p50 / p99; local ships in the background',
  '',
  markdownTable(
    [
      'store',
      'class',
      'in flight',
      'commits/s',
      'commit',
      'put of an object',
      'puts per 1,000 commits',
      'bytes stored per commit',
    ],
    rows,
  ),
  '',
].join('\n')
console.log(report)
if (save) saveReport(report, `${machine.commit}-remote`)

function rowOf(
  store: string,
  { load, commitsPerSecond, latency, put, putsPerThousand, bytesPerCommit }: RemoteFigures,
) {
  const [perSecond, perThousand, bytes] = [commitsPerSecond, putsPerThousand, bytesPerCommit].map(figure)
  return [store, load.durability, String(load.inFlight), perSecond, both(latency), both(put), perThousand, bytes].map(
    String,
  )
}

function both({ p50Ms, p99Ms }: LatencySummary): string {
  return `${figure(p50Ms)} / ${figure(p99Ms)}`
}
