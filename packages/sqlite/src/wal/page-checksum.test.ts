import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InvariantError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { checksumOfBytes, WalBed } from '../fixtures/wal-bed.ts'
import { PAGE_BYTES } from '../limits.ts'
import { checksumOfFile, hashPage } from './page-checksum.ts'
import { LOCK_PAGE_NUMBER } from './wal-format.ts'

const newDirectory = directoryMaker()

async function checksumOf(bytes: Uint8Array, pages: number): Promise<bigint> {
  const path = join(newDirectory(), 'file.db')
  writeFileSync(path, bytes)
  const descriptor = openSync(path, 'r')
  try {
    return await checksumOfFile(descriptor, pages)
  } finally {
    closeSync(descriptor)
  }
}

describe('hashPage', () => {
  it('is XXH64 with the page number as seed, for ever', () => {
    expect(hashPage(0, Buffer.alloc(0))).toBe(0xef46db3751d8e999n)
    expect(hashPage(1, Buffer.alloc(PAGE_BYTES))).toBe(0x82da6c108266bfden)
    expect(hashPage(262_146, Buffer.alloc(PAGE_BYTES, 'tenax'))).toBe(0xaa9c5bb29ff9853dn)
  })

  it('differs between the same bytes on two pages', () => {
    expect(hashPage(1, Buffer.alloc(PAGE_BYTES))).not.toBe(hashPage(2, Buffer.alloc(PAGE_BYTES)))
  })
})

describe('checksumOfFile', () => {
  it('is the XOR of the hashes of all pages', async () => {
    const pages = Array.from({ length: 600 }, (_, index) => Buffer.alloc(PAGE_BYTES, `page ${index}`))
    const expected = pages.reduce((sum, page, index) => sum ^ hashPage(index + 1, page), 0n)
    expect(await checksumOf(Buffer.concat(pages), 600)).toBe(expected)
  })

  it('throws when the file is shorter than it should be', async () => {
    await expect(checksumOf(Buffer.alloc(PAGE_BYTES * 2 - 1), 2)).rejects.toThrow(InvariantError)
  })

  it('the lock page is the one at 1 GiB', () => {
    expect((LOCK_PAGE_NUMBER - 1) * PAGE_BYTES).toBe(2 ** 30)
  })
})

describe('FileChecksum', () => {
  it('goes on from commit to commit as the file does, through growth, cuts, VACUUM and checkpoints', () => {
    const bed = new WalBed(newDirectory(), ['CREATE TABLE t(a INTEGER PRIMARY KEY, b)'])
    const fileChecksum = (): bigint => checksumOfBytes(bed.contents())
    const steps: [string, string[]][] = [
      ['small', ["INSERT INTO t(b) VALUES ('x')"]],
      ['growth', ['INSERT INTO t(b) SELECT randomblob(4000) FROM generate_series(1, 400)']],
      ['change', ["UPDATE t SET b = 'y' WHERE a % 3 = 0"]],
      ['cut', ['DELETE FROM t WHERE a > 200', 'PRAGMA incremental_vacuum']],
      ['growth after a cut', ['INSERT INTO t(b) SELECT randomblob(4000) FROM generate_series(1, 300)']],
    ]
    for (const checkpointsBetween of [false, true]) {
      for (const [name, statements] of steps) {
        bed.commit(...statements)
        if (!checkpointsBetween && name !== 'cut') continue
        expect(fileChecksum(), name).toBe(bed.checksum.value)
      }
    }
    bed.script('DELETE FROM t WHERE a % 2 = 0', 'VACUUM')
    bed.bump()
    bed.capture()
    expect(fileChecksum()).toBe(bed.checksum.value)
    bed.close()
  })
})
