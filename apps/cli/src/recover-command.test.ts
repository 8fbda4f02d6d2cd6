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

test('without a store it says which option is missing', async () => {
  expect((await run('recover')).err).toMatch(/--from <store>/)
})
