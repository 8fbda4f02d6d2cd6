/** Tables of another release in a tenant's file: its SQL is served, its runs stand still, and everybody is told why. */
import { workflow } from '@tenax/workflow'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ACME, codeOf, hostMaker, type OpenHost, until } from './fixtures/test-bed.ts'

const open = hostMaker()
const quick = workflow({ name: 'quick', input: z.object({}) }, async () => 1)

/** Makes the tables of `acme` those of another release. */
async function withOtherTables(): Promise<OpenHost> {
  const host = await open({ workflows: [quick] })
  await host.start('quick', {}, 'one')
  await host.ended('one')
  await host.tenancy.use(ACME, (handle) =>
    handle.commit((file) => {
      file.engine('ALTER TABLE tenax_run RENAME COLUMN skipped TO left_out').get()
      file.engine("UPDATE tenax_run SET readiness = 1, status = 'queued', ended_at_ms = NULL").get()
    }),
  )
  await host.tenancy.setWake(ACME, 0)
  await host.close()
  return host
}

test('a file whose tables are of another release is served, and its runs stand still', async () => {
  const { dataPath } = await withOtherTables()
  const host = await open({ workflows: [quick], dataPath })
  await until(() => host.events.length > 0)
  expect(host.events[0]).toMatchObject({ type: 'tenant_stalled', error: { code: 'engine_tables_unknown' } })
  for (const asked of [host.start('quick'), host.workflows.get(ACME, 'one'), host.workflows.list(ACME)]) {
    expect(await codeOf(asked)).toBe('engine_tables_unknown')
  }
  expect(await host.sql('SELECT id, left_out FROM tenax_run')).toEqual([['one', null]])
})

test('an export whose tables are of another release is refused, and nothing has changed', async () => {
  const { dataPath } = await withOtherTables()
  const other = await open({ workflows: [], dataPath })
  const host = await open({ workflows: [quick] })
  await host.start('quick', {}, 'mine')
  const sent = other.tenancy.export(ACME, (file) => host.tenancy.import(ACME, file.chunks))
  expect(await codeOf(sent)).toBe('engine_tables_unknown')
  expect(await host.ended('mine')).toMatchObject({ status: 'completed' })
})
