/** Effects wait for the disk (WORKFLOWS 9), also those of a `relaxed` tenant, whose replies do not. */
import { ENGINE_TABLES, Workflows } from '@tenax/engine'
import { parseTenantId, systemClock } from '@tenax/kernel'
import { fsSegmentFiles, type SegmentFile, type SegmentFiles } from '@tenax/ledger'
import { systemRandomId } from '@tenax/tenancy'
import { workflow } from '@tenax/workflow'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { openHost } from '../host.ts'
import { scratchDirectory } from '../scratch.ts'

/** The real disk, whose fsyncs wait while `stalled` is pending. */
function stallingFiles(tap: { stalled: Promise<void> }): SegmentFiles {
  const stalling = (file: SegmentFile): SegmentFile => ({ ...file, sync: () => tap.stalled.then(() => file.sync()) })
  return { ...fsSegmentFiles, open: async (path, mode) => stalling(await fsSegmentFiles.open(path, mode)) }
}

test.each(['local', 'relaxed'] as const)(
  'a step of a %s tenant begins when what it was asked in is durable',
  async (durability) => {
    using scratch = scratchDirectory()
    const tap = { stalled: Promise.resolve() }
    const ran: string[] = []
    const once = workflow({ name: 'once', input: z.object({}) }, (ctx) => ctx.step('work', () => void ran.push('work')))
    const tenancy = await openHost({
      ...{ dataPath: scratch.path, handlesMax: 4, shardCount: 1, tables: ENGINE_TABLES },
      ledgerFiles: stallingFiles(tap),
    })
    const tenant = parseTenantId('acme')
    await tenancy.create(tenant, { durability })
    const parts = { tenancy, clock: systemClock, randomId: systemRandomId, onEvent: () => undefined }
    const workflows = Workflows.create({ ...parts, workflows: [once] })
    const stall = Promise.withResolvers<void>()
    tap.stalled = stall.promise
    const started = workflows.start(tenant, { workflow: 'once', input: {}, id: 'one' })
    const isOpen = () =>
      tenancy.use(tenant, (handle) =>
        handle.read((file) => file.engine("SELECT 1 FROM sqlite_schema WHERE name = 'tenax_step'").get() !== undefined),
      )
    while (!(await isOpen())) await macrotasks(1)
    await macrotasks(50)
    expect(ran).toEqual([])
    stall.resolve()
    await started
    expect((await workflows.result(tenant, 'one', { timeoutMs: 30_000 })).status).toBe('completed')
    expect(ran).toEqual(['work'])
    await workflows.close()
    await tenancy.close()
  },
)

async function macrotasks(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await new Promise((resolve) => setImmediate(resolve))
}
