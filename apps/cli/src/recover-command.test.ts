import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { fakeIo } from './fixtures/fake-context.ts'
import { main } from './main.ts'
import { readSettings } from './settings.ts'

const root = mkdtempSync(join(tmpdir(), 'tenax-recover-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

async function run(...args: string[]) {
  const io = fakeIo()
  const exitCode = await main(args, { io, settings: readSettings({}) })
  return { exitCode, out: io.out(), err: io.err() }
}

test('a store without ledgers, and an id that is none, are told, and nothing is made', async () => {
  const [store, data] = [join(root, 'blobs'), join(root, 'data')]
  const none = await run('recover', '--from', store, '--data', data)
  expect(none.exitCode).not.toBe(0)
  expect(none.err).toMatch(/^error: this object storage has no ledgers of any data directory\nhint: name the store/)
  expect(readdirSync(data)).toEqual(['host.lock'])
  const unknown = await run('recover', '--from', store, '--data', data, '--data-id', 'a'.repeat(20))
  expect(unknown.err).toMatch(/^error: this object storage has no ledgers of the data directory a{20}\n/)
  const wrong = await run('recover', '--from', store, '--data', data, '--data-id', '../..')
  expect(wrong.err).toMatch(/^error: the id of a data directory has 20 characters/)
})

test('says what it has brought back, as a table and as JSON; not into a directory that has data', async () => {
  const { createTenax } = await import('tenax')
  const directory = join(root, 'full')
  const lost = await createTenax({ data: join(root, 'lost'), store: { directory }, shardCount: 2 })
  for (const id of ['acme', 'away']) await lost.tenant(id).create()
  await lost.tenant('acme').query("CREATE TABLE note AS SELECT 'kept' AS text", [], { durability: 'remote' })
  await lost.close()
  const data = join(root, 'found')
  const { exitCode, out, err } = await run('recover', '--from', directory, '--data', data)
  expect([exitCode, err]).toEqual([0, ''])
  expect(out).toMatch(/^data id +[a-z0-9]{20}\ntenants +2\nin object storage +0, back with their first use\n/)
  expect(out).toMatch(/with their file +2\nstopped +0\nread +\d+ objects, .+, in \d+\.\d s\n$/)
  const again = await run('recover', '--from', directory, '--data', data)
  expect(again.err).toMatch(
    /^error: the data directory is not empty: it is a data directory\nhint: name an empty directory/,
  )
  const json = await run('recover', '--from', directory, '--data', join(root, 'other'), '--json')
  expect(JSON.parse(json.out)).toMatchObject({ tenantCount: 2, materialisedCount: 2, stoppedCount: 0 })
  const found = await createTenax({ data: join(root, 'other'), store: { directory } }) // the later one has the last seal
  expect(await found.tenant('acme').query('SELECT text FROM note')).toMatchObject({ rows: [['kept']] })
  await found.close()
  await expect(createTenax({ data, store: { directory } })).rejects.toMatchObject({ code: 'ledger_fenced' })
})

test('without a store it says which option is missing', async () => {
  expect((await run('recover')).err).toMatch(/--from <store>/)
})
