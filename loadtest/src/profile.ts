/**
 * Where the server's time goes: runs it under `--cpu-prof` with one workload of the bench and prints the functions and the
 * packages by self time. `node loadtest/src/profile.ts --kind read-query --concurrency 64 --seconds 8`
 */
import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { prepareTenants, scratchDirectory, tenantIdsOf } from './bench/fixture.ts'
import { type SelfTime, selfTimes } from './cpu-profile.ts'
import { type LoadProcess, startLoadProcess } from './load-job.ts'
import { figure, markdownTable } from './markdown.ts'
import { cpuUse } from './proc-files.ts'
import { requestsOf, WORKLOADS } from './requests.ts'
import { startTenax } from './server-process.ts'
import { type ProfileSettings, readProfileSettings } from './settings.ts'

const TENANT_COUNT = 200
const WARM_UP_MS = 2_000
const FUNCTIONS_MAX = 45

await profile(readProfileSettings(process.argv.slice(2)))

async function profile({ kind, durationMs, outPath, ...settings }: ProfileSettings): Promise<void> {
  const workload = WORKLOADS.find((each) => each === kind)
  if (workload === undefined) throw new Error(`--kind is one of ${WORKLOADS.join(', ')}`)
  using scratch = scratchDirectory()
  using load = startLoadProcess()
  const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${scratch.path}`, '--cpu-prof-interval=250']
  const dataPath = join(scratch.path, 'data')
  const ids = tenantIdsOf('bench', TENANT_COUNT)
  await prepareData(load, dataPath, ids)
  const server = await startTenax({ dataPath, nodeArgs })
  const { inFlight, warmUpInFlight } = settings
  const job = { port: server.port, requests: requestsOf(workload, ids), inFlight, pauseMs: 0 }
  await load.run({ ...job, inFlight: warmUpInFlight, durationMs: WARM_UP_MS })
  const before = cpuUse(server.pid)
  const result = await load.run({ ...job, durationMs })
  const after = cpuUse(server.pid)
  await server.stop()
  const loopUs = ((after.loopMs - before.loopMs) / result.count) * 1000
  const totalUs = ((after.totalMs - before.totalMs) / result.count) * 1000
  console.log(
    `${kind}, ${inFlight} in flight, under the profiler: ${figure(result.requestsPerSecond)}/s, p50 ${figure(result.p50Ms)} ms, ` +
      `processor per request ${figure(loopUs)} µs on the loop, ${figure(totalUs)} µs in all\n`,
  )
  const file = readdirSync(scratch.path).find((name) => name.endsWith('.cpuprofile'))
  if (file === undefined) throw new Error('the server left no profile')
  const path = join(scratch.path, file)
  if (outPath !== undefined) copyFileSync(path, outPath)
  printProfile(selfTimes(JSON.parse(readFileSync(path, 'utf8'))))
}

/** By another server, so that the profile holds nothing but the workload. */
async function prepareData(load: LoadProcess, dataPath: string, ids: readonly string[]): Promise<void> {
  await using server = await startTenax({ dataPath })
  await prepareTenants(load, { port: server.port, ids, inFlight: 8 })
}

function printProfile({ functions, places, busyMs }: ReturnType<typeof selfTimes>): void {
  const rows = (times: readonly SelfTime[]) =>
    times.map(({ name, selfMs }) => [name, figure(selfMs), `${figure((100 * selfMs) / busyMs)} %`])
  console.log(markdownTable(['place', 'self ms', 'of busy'], rows(places)))
  console.log()
  console.log(markdownTable(['function', 'self ms', 'of busy'], rows(functions.slice(0, FUNCTIONS_MAX))))
}
