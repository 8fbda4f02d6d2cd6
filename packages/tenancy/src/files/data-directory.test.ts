import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTenaxError, ManualClock } from '@tenax/kernel'
import { collectClosed, libsqlDriver } from '@tenax/sqlite'
import { describe, expect, it } from 'vitest'
import { startOther } from '../fixtures/other-process.ts'
import { codeOf, descriptorsBelow, directoryMaker, filesBelow, tenancyMaker } from '../fixtures/test-bed.ts'
import { systemRandomId } from '../system-ids.ts'
import { type DataDirectoryOptions, openDataDirectory } from './data-directory.ts'

const newDirectory = directoryMaker()
const openTenancy = tenancyMaker()

function open(path: string, options: Partial<DataDirectoryOptions> = {}) {
  const clock = new ManualClock()
  return openDataDirectory({
    path,
    driver: libsqlDriver,
    clock,
    randomId: systemRandomId,
    shardCount: 4,
    pid: 77,
    ...options,
  })
}

function errorOf(work: () => unknown) {
  try {
    work()
  } catch (error) {
    if (isTenaxError(error)) return error
    throw error
  }
  throw new Error('it succeeded')
}

describe('openDataDirectory()', () => {
  it('makes a directory that only its owner enters, with identity, lock, uploads and shards', () => {
    const path = join(newDirectory(), 'new', 'data')
    const data = open(path)
    expect(data.identity).toMatchObject({ format: 1, shardCount: 4 })
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(filesBelow(path)).toContain('tenax.json')
    data.release()
  })

  it('finds the same identity again, whatever the settings say of shards', () => {
    const path = newDirectory()
    const first = open(path)
    first.release()
    const second = open(path, { shardCount: 9 })
    expect(second.identity).toEqual(first.identity)
    second.release()
  })

  it('keeps the version of the Tenax that made it, as its package.json has it', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    const data = open(newDirectory())
    expect(data.identity.createdBy).toBe(`tenax ${manifest.version}`)
    data.release()
  })

  it('removes uploads that were cut short', () => {
    const path = newDirectory()
    open(path).release()
    writeFileSync(join(path, 'uploads', 'half.sqlite'), 'x')
    open(path).release()
    expect(filesBelow(path)).not.toContain('uploads/half.sqlite')
  })

  it.each(['notes.txt', 'index.db'])('refuses a directory of somebody else, and leaves it alone: %s', (name) => {
    const path = newDirectory()
    writeFileSync(join(path, name), 'mine')
    expect(errorOf(() => open(path)).code).toBe('data_format_invalid')
    expect(filesBelow(path)).toEqual([name])
  })

  it('takes over its own beginnings: a crash before tenax.json was written', () => {
    const path = newDirectory()
    mkdirSync(join(path, 'uploads'))
    const data = open(path)
    expect(data.identity.shardCount).toBe(4)
    data.release()
  })

  it.each([
    ['empty', ''],
    ['no JSON', '{'],
    ['no object', 'null'],
    ['without an id', '{"format":1,"shardCount":4,"createdBy":"x"}'],
    ['without shards', '{"format":1,"dataId":"x","shardCount":0,"createdBy":"x"}'],
    ['of a broken format', '{"format":1.5,"dataId":"x","shardCount":4,"createdBy":"x"}'],
  ])('refuses a tenax.json that is %s, and leaves it as it is', (_what, text) => {
    const path = newDirectory()
    writeFileSync(join(path, 'tenax.json'), text)
    expect(errorOf(() => open(path)).code).toBe('data_format_invalid')
    expect(readFileSync(join(path, 'tenax.json'), 'utf8')).toBe(text)
  })

  it('refuses a newer format by name', () => {
    const path = newDirectory()
    writeFileSync(join(path, 'tenax.json'), '{"format":2,"dataId":"x","shardCount":4,"createdBy":"tenax 9.9"}')
    const error = errorOf(() => open(path))
    expect([error.code, error.hint?.includes('tenax 9.9')]).toEqual(['data_format_newer', true])
  })

  it('lets go of the lock when it refuses', () => {
    const path = newDirectory()
    writeFileSync(join(path, 'tenax.json'), '{')
    errorOf(() => open(path))
    writeFileSync(join(path, 'tenax.json'), '{"format":1,"dataId":"x","shardCount":4,"createdBy":"x"}')
    open(path).release()
  })

  it('says what is in the way: a file, a file on the way, a name too long', () => {
    const parent = newDirectory()
    writeFileSync(join(parent, 'file'), 'x')
    for (const [path, reason] of [
      [join(parent, 'file'), 'there is a file of that name'],
      [join(parent, 'file', 'data'), 'a part of its path is a file'],
      [join(parent, 'x'.repeat(300)), 'its name is too long'],
    ] as const) {
      const { code, message } = errorOf(() => open(path))
      expect([code, message]).toEqual(['config_invalid', `the data directory cannot be used: ${reason}`])
    }
  })

  it.skipIf(process.getuid?.() === 0)('says that it may not be written (not as root, who may write all)', () => {
    const path = newDirectory()
    chmodSync(path, 0o500)
    expect(errorOf(() => open(path)).code).toBe('config_invalid')
    chmodSync(path, 0o700)
  })
})

describe('a start that fails at one catalog', () => {
  it('keeps no descriptor of the others, and the directory opens when that one is mended', async () => {
    const path = newDirectory()
    await (await openTenancy({ dataPath: path, shardCount: 3 })).tenancy.close()
    const [first, last] = [join(path, 'shards', '00', 'catalog.db'), join(path, 'shards', '02', 'catalog.db')]
    writeFileSync(`${last}.kept`, readFileSync(last))
    writeFileSync(last, readFileSync(first))
    expect(await codeOf(() => openTenancy({ dataPath: path }))).toBe('data_format_invalid')
    await collectClosed()
    expect(descriptorsBelow(path) ?? 0).toBe(0)
    renameSync(`${last}.kept`, last)
    expect(await codeOf(() => openTenancy({ dataPath: path }))).toBe('ok')
  })
})

describe('data_in_use', () => {
  it('refuses a second open in the same process, naming pid and start', () => {
    const path = newDirectory()
    const data = open(path, { pid: 4_242 })
    const error = errorOf(() => open(path))
    expect(error).toMatchObject({ code: 'data_in_use', details: { pid: 4_242, startedAt: '2023-11-14T22:13:20.000Z' } })
    data.release()
    open(path).release()
  })

  it('refuses a directory that another process serves, and takes it when that was killed', async () => {
    const path = newDirectory()
    const other = await startOther('tenancy', path)
    const error = errorOf(() => open(path))
    expect([error.code, error.details['pid']]).toEqual(['data_in_use', other.pid])
    expect(await codeOf(() => openTenancy({ dataPath: path }))).toBe('data_in_use')
    await other.end('SIGKILL')
    open(path).release()
  })
})
