import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { codeOf } from './fixtures/host-bed.ts'
import { approve, approved, greet, WORKFLOWS } from './fixtures/workflows.ts'
import { createTenax } from './index.ts'
import { loadDefinitions, loadWorkflows } from './load-workflows.ts'

const directory = mkdtempSync(join(tmpdir(), 'tenax-load-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('modules are loaded with all that they export, definitions are taken as they are, each once', async () => {
  const loaded = await loadWorkflows([approve, './fixtures/workflows.ts'], import.meta.dirname)
  expect(loaded.map(({ name }) => name).toSorted()).toEqual(WORKFLOWS.map(({ name }) => name).toSorted())
  expect(loaded[0]).toBe(approve)
})

test('events come with the modules that export them, or are named, each once', async () => {
  const named = await loadDefinitions({ events: [approved, './fixtures/workflows.ts'] }, import.meta.dirname)
  expect(named.events).toEqual([approved])
  expect(named.workflows).toContain(greet)
  const beside = await loadDefinitions({ workflows: ['./fixtures/workflows.ts'] }, import.meta.dirname)
  expect(beside.events).toEqual([approved])
  for (const events of [[greet], [{ name: 'no schema' }], [7]]) {
    const refused = loadDefinitions({ events }, import.meta.dirname)
    await expect(refused).rejects.toMatchObject({ code: 'config_invalid' })
  }
})

test.each([
  ['a module that is not there', ['./lost.ts'], 'lost.ts cannot be loaded'],
  ['a module that throws', ['./broken.ts'], 'broken.ts cannot be loaded: no luck'],
  ['a module without a workflow', ['./empty.ts'], 'empty.ts exports no workflow'],
  ['something else', [7], 'neither a path nor a workflow'],
  ['a function', [() => undefined], 'neither a path nor a workflow'],
])('%s is config_invalid, by the name of its file', async (_what, entries, message) => {
  writeFileSync(join(directory, 'broken.ts'), "throw new Error('no luck')")
  writeFileSync(join(directory, 'empty.ts'), 'export const workflow: string = "none"')
  const loading = loadWorkflows(entries, directory)
  await expect(loading).rejects.toMatchObject({ code: 'config_invalid' })
  await expect(loading).rejects.toThrow(message)
})

test('two workflows of one name are refused, and the data directory is free again', async () => {
  const data = join(directory, 'data')
  const other = { ...greet }
  expect(await codeOf(createTenax({ data, workflows: [greet, other] }))).toBe('config_invalid')
  await using tenax = await createTenax({ data, workflows: [greet] })
  await tenax.tenant('acme').create()
})
