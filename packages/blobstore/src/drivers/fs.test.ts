import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { describeBlobStore } from '../contract.ts'
import { bytesOf, codeOf, keysOf, textAt } from '../fixtures/contract-store.ts'
import { countedIds } from '../fixtures/random-ids.ts'
import { openFsStore } from './fs.ts'

const scratch = mkdtempSync(join(tmpdir(), 'tenax-blobs-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
let count = 0
const newDirectory = () => join(scratch, String(count++), 'made')
const open = (directory: string, name = 'a') => openFsStore({ directory, randomId: countedIds(name) })

describeBlobStore('fs', () => open(newDirectory()))

test('a start removes what a write has left, and no blob', async () => {
  const directory = newDirectory()
  const store = await open(directory)
  await store.create('a/b', bytesOf('kept'))
  writeFileSync(join(directory, '.incoming', 'left'), 'half')
  const again = await open(directory)
  expect(readdirSync(join(directory, '.incoming'))).toEqual([])
  expect(await textAt(again, 'a/b')).toBe('kept')
})

test('no write leaves a temporary file, nor a delete an empty directory', async () => {
  const directory = newDirectory()
  const store = await open(directory)
  await store.create('a/b/1', bytesOf('x'))
  await store.create('a/b/2', bytesOf('x'))
  await store.put('a/b/2', bytesOf('x'))
  expect(await codeOf(store.create('a/b/1', bytesOf('y')))).toBe('blob_exists')
  await store.delete('a/b/1')
  expect(readdirSync(directory, { recursive: true }).sort()).toEqual(['.incoming', 'a', 'a/b', 'a/b/2'])
  await store.delete('a/b/2')
  expect(readdirSync(directory, { recursive: true })).toEqual(['.incoming'])
})

test('two stores on one directory are one store: of creates at once one succeeds', async () => {
  const directory = newDirectory()
  const first = await open(directory, 'a')
  const stores = [first, await open(directory, 'b')]
  for (let round = 0; round < 20; round++) {
    const codes = await Promise.all(
      stores.map((store, index) => codeOf(store.create(`r/${round}`, bytesOf(`${index}`)))),
    )
    expect(codes.toSorted()).toEqual(['blob_exists', 'ok'])
    expect(await textAt(first, `r/${round}`)).toBe(String(codes.indexOf('ok')))
  }
})

test('writes end well while other processes start on the directory', async () => {
  const directory = newDirectory()
  const store = await open(directory)
  const writes = Array.from({ length: 40 }, (_, index) => store.create(`w/${index}`, bytesOf(`${index}`)))
  let isDone = false
  const starts = (async () => {
    while (!isDone) await open(directory, 's')
  })()
  const codes = await Promise.all(writes.map(codeOf))
  isDone = true
  await starts
  const failed = codes.flatMap((code, index) => (code === 'ok' ? [] : [index]))
  expect(codes.filter((code) => code !== 'ok' && code !== 'unavailable')).toEqual([])
  for (const index of failed) expect(await textAt(store, `w/${index}`)).toBeUndefined()
  expect(await keysOf(store)).toHaveLength(40 - failed.length)
})

test('a key that continues a blob, or stops before some, is refused', async () => {
  const store = await open(newDirectory())
  await store.create('a/b', bytesOf('x'))
  for (const key of ['a', 'a/b/c', 'a/b/c/d']) {
    expect(await codeOf(store.create(key, bytesOf('x')))).toBe('argument_invalid')
    expect(await codeOf(store.put(key, bytesOf('x')))).toBe('argument_invalid')
  }
  expect(await keysOf(store)).toEqual(['a/b'])
})

test('files are 0600 and directories 0700', async () => {
  const directory = newDirectory()
  const store = await open(directory)
  await store.create('a/b', bytesOf('x'))
  const modes = ['', 'a', 'a/b', '.incoming'].map((path) => (statSync(join(directory, path)).mode & 0o777).toString(8))
  expect(modes).toEqual(['700', '700', '600', '700'])
})

test('what is no blob is left alone and not listed', async () => {
  const directory = newDirectory()
  const store = await open(directory)
  await store.create('a/b', bytesOf('x'))
  mkdirSync(join(directory, 'Lost+Found'))
  writeFileSync(join(directory, 'a', 'README'), 'hello')
  writeFileSync(join(directory, '.hidden'), 'hello')
  expect(await keysOf(store)).toEqual(['a/b'])
  await store.delete('a/b')
  expect(readdirSync(directory, { recursive: true }).sort()).toEqual([
    '.hidden',
    '.incoming',
    'Lost+Found',
    'a',
    'a/README',
  ])
})

test('a file where the directory should be is config_invalid', async () => {
  const directory = newDirectory()
  mkdirSync(join(directory, '..'))
  writeFileSync(directory, 'a file')
  await expect(open(directory)).rejects.toMatchObject({ code: 'config_invalid' })
})
