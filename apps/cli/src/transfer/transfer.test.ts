import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fakeContext } from '../fixtures/fake-context.ts'
import { exportTenant } from './export-command.ts'
import { importTenant } from './import-command.ts'

const FILE = new TextEncoder().encode(`SQLite format 3\0${'x'.repeat(100_000)}`)

async function start(options: Parameters<typeof fakeContext>[0] = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'tenax-cli-'))
  const context = await fakeContext({ ids: ['acme'], ...options })
  context.server.file = FILE
  return { directory, context, file: join(directory, 'a.sqlite') }
}

test('export writes the file and nothing beside it', async () => {
  const { directory, context, file } = await start()
  await exportTenant(context, { tenantId: 'acme', file, force: false })
  expect(new Uint8Array(readFileSync(file))).toEqual(FILE)
  expect(readdirSync(directory)).toEqual(['a.sqlite'])
  expect(context.io.out()).toBe(`exported acme to ${file}, 97.7 KiB\n`)
})

test('export replaces a file only with --force', async () => {
  const { context, file } = await start({ json: true })
  writeFileSync(file, 'mine')
  await expect(exportTenant(context, { tenantId: 'acme', file, force: false })).rejects.toMatchObject({
    code: 'file_exists',
  })
  expect(readFileSync(file, 'utf8')).toBe('mine')
  expect(context.server.seen.some(({ path }) => path.endsWith('/export'))).toBe(false)
  await exportTenant(context, { tenantId: 'acme', file, force: true })
  expect(JSON.parse(context.io.out())).toEqual({ id: 'acme', file, bytes: FILE.byteLength })
  expect(new Uint8Array(readFileSync(file))).toEqual(FILE)
})

test('export does not replace a file that appeared meanwhile', async () => {
  const { directory, context, file } = await start()
  const { tenants } = context.client
  const client = {
    ...context.client,
    tenants: {
      ...tenants,
      export(id: string) {
        writeFileSync(file, 'mine')
        return tenants.export(id)
      },
    },
  }
  const failure = exportTenant({ ...context, client }, { tenantId: 'acme', file, force: false })
  await expect(failure).rejects.toMatchObject({ code: 'file_exists' })
  expect(readFileSync(file, 'utf8')).toBe('mine')
  expect(readdirSync(directory)).toEqual(['a.sqlite'])
})

test('an export that breaks off leaves nothing, and the old file stays', async () => {
  const { directory, context, file } = await start()
  writeFileSync(file, 'mine')
  context.server.answerNext(new Response(FILE.slice(1), { headers: { 'content-length': String(FILE.byteLength) } }))
  const failure = exportTenant(context, { tenantId: 'acme', file, force: true })
  await expect(failure).rejects.toMatchObject({ code: 'unavailable' })
  expect(readFileSync(file, 'utf8')).toBe('mine')
  expect(readdirSync(directory)).toEqual(['a.sqlite'])
})

test('export of an unknown tenant leaves nothing', async () => {
  const { directory, context, file } = await start()
  const failure = exportTenant(context, { tenantId: 'other', file, force: false })
  await expect(failure).rejects.toMatchObject({ code: 'tenant_not_found' })
  expect(readdirSync(directory)).toEqual([])
})

test('export to stdout has the file there and nothing else, but not at a terminal', async () => {
  const { context } = await start()
  await exportTenant(context, { tenantId: 'acme', file: '-', force: false })
  expect(context.io.out()).toBe(new TextDecoder().decode(FILE))
  const terminal = (await start({ isTTY: true })).context
  await expect(exportTenant(terminal, { tenantId: 'acme', file: '-', force: false })).rejects.toMatchObject({
    code: 'usage',
  })
})

test('import sends the file with its length', async () => {
  const { context, file } = await start({ ids: [] })
  writeFileSync(file, FILE)
  context.server.file = new Uint8Array()
  await importTenant(context, { tenantId: 'acme', file, yes: false })
  expect(context.server.file).toEqual(FILE)
  expect(context.server.seen.find(({ path }) => path.endsWith('/import'))?.headers['content-length']).toBe(
    String(FILE.byteLength),
  )
  expect(context.io.out()).toBe('imported 97.7 KiB into tenant acme\n')
})

test('import takes stdin', async () => {
  const { context } = await start({ ids: [], json: true, input: new TextDecoder().decode(FILE) })
  await importTenant(context, { tenantId: 'acme', file: '-', yes: false })
  expect(context.server.file).toEqual(FILE)
  expect(JSON.parse(context.io.out())).toMatchObject({ id: 'acme' })
})

test('import replaces a tenant only after a yes', async () => {
  const { context, file } = await start()
  writeFileSync(file, FILE)
  await expect(importTenant(context, { tenantId: 'acme', file, yes: false })).rejects.toMatchObject({ code: 'usage' })
  await importTenant(context, { tenantId: 'acme', file, yes: true })
  const asked = await start({ isTTY: true, input: 'n\n' })
  await expect(importTenant(asked.context, { tenantId: 'acme', file, yes: false })).rejects.toMatchObject({
    code: 'not_confirmed',
  })
})

test('import of a file that is not there, or is a directory, sends nothing', async () => {
  const { directory, context } = await start({ ids: [] })
  const options = { tenantId: 'acme', yes: false }
  await expect(importTenant(context, { ...options, file: join(directory, 'no') })).rejects.toMatchObject({
    code: 'ENOENT',
  })
  await expect(importTenant(context, { ...options, file: directory })).rejects.toMatchObject({ code: 'usage' })
  expect(context.server.seen).toEqual([])
})

test('a transfer shows its progress at a terminal, on stderr', async () => {
  const { context, file } = await start({ isTTY: true })
  await exportTenant(context, { tenantId: 'acme', file, force: false })
  expect(context.io.err()).toContain('97.7 KiB')
  expect(context.io.out()).toBe(`exported acme to ${file}, 97.7 KiB\n`)
})

test('export --move suspends the tenant and says how it goes on; import --release lets its runs go', async () => {
  const { context, file } = await start()
  await exportTenant(context, { tenantId: 'acme', file, force: false, move: true })
  expect(context.server.seen.at(-1)).toMatchObject({ method: 'POST', path: '/v1/tenants/acme/export' })
  expect(await context.client.tenants.get('acme')).toMatchObject({ state: 'suspended' })
  expect(context.io.out()).toContain(`tenax import <tenant> ${file} --release`)
  const other = (await start({ ids: [] })).context
  await importTenant(other, { tenantId: 'acme', file, yes: false, release: true })
  expect(other.server.seen.at(-1)?.path).toBe('/v1/tenants/acme/workflows/release')
  expect(other.io.out()).toContain('released 0 runs')
})
