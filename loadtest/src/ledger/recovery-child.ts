/** `write`: makes tenants, commits, and kills itself when all is acknowledged. `start`: times a start, prints JSON. */

import { holdTenants, insert, insertLarge, openTenancy, tenantIds } from './host.ts'
import type { TailPlan } from './recovery.ts'

const IN_FLIGHT = 64
const LARGE_BYTES = 12_000

const [, , verb = '', dataPath = '', planText = ''] = process.argv
const plan: TailPlan = JSON.parse(planText)
await (verb === 'write' ? write() : start())

async function write(): Promise<void> {
  const tenancy = await openTenancy(dataPath, plan.tenantCount + 8)
  const { handles } = await holdTenants(tenancy, plan.tenantCount)
  let next = 0
  const work = async () => {
    for (let index = next++; index < plan.commitCount; index = next++) {
      const handle = handles[index % handles.length]
      if (handle === undefined) throw new Error('there are handles')
      await (plan.kind === 'small' ? insert(handle, index) : insertLarge(handle, LARGE_BYTES))
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, work))
  process.kill(process.pid, 'SIGKILL')
}

async function start(): Promise<void> {
  const beganMs = performance.now()
  const tenancy = await openTenancy(dataPath, plan.tenantCount + 8)
  const startMs = performance.now() - beganMs
  for (const id of tenantIds(plan.tenantCount)) {
    await tenancy.use(id, (handle) => handle.execute('select count(*) from item', { positional: [], named: [] }))
  }
  const allServedMs = performance.now() - beganMs
  await tenancy.close()
  process.stdout.write(JSON.stringify({ startMs, allServedMs }))
}
