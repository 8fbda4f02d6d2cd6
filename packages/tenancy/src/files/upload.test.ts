import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { streamOf } from '../fixtures/settings.ts'
import { codeOf, directoryMaker, filesBelow } from '../fixtures/test-bed.ts'
import { readHead, removeUpload, saveUpload } from './upload.ts'

const newDirectory = directoryMaker()
const newPath = () => join(newDirectory(), 'upload.sqlite')

describe('saveUpload()', () => {
  it.each([0, 1, 99, 100])(
    'keeps a body of %i bytes within a limit of 100, readable by its owner alone',
    async (bytes) => {
      const path = newPath()
      const body = Buffer.alloc(bytes, 7)
      expect(await saveUpload(path, streamOf(body, 9), 100)).toBe(bytes)
      expect(readFileSync(path)).toEqual(body)
      expect(statSync(path).mode & 0o777).toBe(0o600)
    },
  )

  it('refuses the first byte too many and removes what it had', async () => {
    const path = newPath()
    expect(await codeOf(saveUpload(path, streamOf(Buffer.alloc(101), 10), 100))).toBe('body_too_large')
    expect(existsSync(path)).toBe(false)
  })

  it('stops reading a body that is too large', async () => {
    let pieces = 0
    const endless = async function* () {
      for (;;) {
        pieces += 1
        yield Buffer.alloc(10)
      }
    }
    expect(await codeOf(saveUpload(newPath(), endless(), 100))).toBe('body_too_large')
    expect(pieces).toBe(11)
  })

  it('removes what it had when the body breaks off', async () => {
    const path = newPath()
    const broken = async function* () {
      yield Buffer.alloc(10)
      throw new Error('reset')
    }
    expect([await codeOf(saveUpload(path, broken(), 100)), existsSync(path)]).toEqual(['reset', false])
  })

  it('never writes over a file that is there', async () => {
    const path = newPath()
    writeFileSync(path, 'mine')
    expect(await codeOf(saveUpload(path, streamOf(Buffer.alloc(1)), 100))).toContain('EEXIST')
    expect(readFileSync(path, 'utf8')).toBe('mine')
  })
})

it('removeUpload() removes the file and what SQLite puts beside it, and may be repeated', async () => {
  const directory = newDirectory()
  const path = join(directory, 'upload.sqlite')
  for (const suffix of ['', '-wal', '-shm', '-journal']) writeFileSync(path + suffix, 'x')
  await removeUpload(path)
  await removeUpload(path)
  expect(filesBelow(directory)).toEqual([])
})

it('readHead() gives what is there of the first bytes', async () => {
  const path = newPath()
  writeFileSync(path, 'abcdef')
  expect(Buffer.from(await readHead(path, 4)).toString()).toBe('abcd')
  expect(Buffer.from(await readHead(path, 100)).toString()).toBe('abcdef')
})
