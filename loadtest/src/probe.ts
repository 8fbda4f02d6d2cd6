/**
 * Measures a host from within, in a process of its own that holds nothing else: `register` makes tenants, `open` times
 * their first query and weighs their handles. Prints one line of JSON.
 */
import { createTenax, type Tenax } from 'tenax'
import { tenantIdsOf } from './bench/fixture.ts'
import { type ProbeResult, type ProbeTask, parseProbeTask } from './probe-task.ts'
import { SETUP_SQL } from './requests.ts'
import { summarise } from './statistics.ts'

const CREATE_IN_FLIGHT = 16

/** On a slow or busy machine fewer tenants are made than were asked for: the bench has to end. */
const CREATE_MS_MAX = 45_000

const task = parseProbeTask(process.argv[2] ?? '')
process.stdout.write(`${JSON.stringify(await perform(task))}\n`)

async function perform({ kind, dataPath, handlesMax, tenantCount, openCount }: ProbeTask): Promise<ProbeResult> {
  const baseBytes = settledBytes()
  await using tenax = await createTenax({ data: dataPath, handlesMax, handleIdleMs: 600_000 })
  const ids = tenantIdsOf('probe', tenantCount)
  const startMs = performance.now()
  const latenciesMs: number[] = []
  if (kind === 'register') await register(tenax, { ids, openCount, latenciesMs })
  const beforeBytes = settledBytes()
  const half = Math.floor(openCount / 2)
  if (kind === 'open') await openEach(tenax, { ids: ids.slice(0, half), latenciesMs })
  const halfBytes = settledBytes()
  if (kind === 'open') await openEach(tenax, { ids: ids.slice(half, openCount), latenciesMs })
  const elapsedMs = performance.now() - startMs
  return { ...summarise(latenciesMs), elapsedMs, baseBytes, beforeBytes, halfBytes, afterBytes: settledBytes() }
}

/** Resident memory after two collections: the second frees what the finalizers of the first let go. */
function settledBytes(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().rss
}

interface ProbeRun {
  readonly ids: readonly string[]
  readonly latenciesMs: number[]
}

/** Makes the tenants while there is time, but at least `openCount`; those get a table. */
async function register(tenax: Tenax, { ids, openCount, latenciesMs }: ProbeRun & { openCount: number }) {
  let next = 0
  const endMs = performance.now() + CREATE_MS_MAX
  const worker = async () => {
    for (let index = next++; index < ids.length; index = next++) {
      if (index >= openCount && performance.now() > endMs) return
      const tenant = tenax.tenant(ids[index] ?? '')
      const startMs = performance.now()
      await tenant.create()
      latenciesMs.push(performance.now() - startMs)
      if (index < openCount) for (const sql of SETUP_SQL) await tenant.query(sql)
    }
  }
  await Promise.all(Array.from({ length: CREATE_IN_FLIGHT }, worker))
}

/** The first query of each tenant, one after another; then some use, so that the handle weighs what one in use weighs. */
async function openEach(tenax: Tenax, { ids, latenciesMs }: ProbeRun) {
  for (const id of ids) {
    const tenant = tenax.tenant(id)
    const startMs = performance.now()
    await tenant.query('select 1')
    latenciesMs.push(performance.now() - startMs)
    await tenant.query('select name, amount from item where id = ?', [7n])
    await tenant.query('update item set amount = amount + 1 where id = ?', [7n])
  }
}
