import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { codeOf, directoryMaker } from '../fixtures/test-bed.ts'
import { OWN_LEDGERS_MAX } from '../limits.ts'
import { readStoredPosition, writeStoredPosition } from './stored-position.ts'

const newDirectory = directoryMaker()
const nameAt = (epoch: number) => ({ epoch, nonce: String(epoch).padStart(20, 'n') })

describe('the stored position', () => {
  it('is read as it was written; a directory that was never with a store has none', () => {
    const path = join(newDirectory(), 'stored.json')
    expect(readStoredPosition(path)).toBeUndefined()
    const at = { id: 7, previousHash: 0xfedcba9876543210n, firstBatch: 40, lastSeq: 99 }
    for (const position of [
      { open: undefined, at: undefined, atMs: 5, own: [nameAt(1)] },
      { open: nameAt(3), at, atMs: 6, own: [nameAt(4), nameAt(5)] },
    ]) {
      writeStoredPosition(path, position)
      expect(readStoredPosition(path)).toEqual(position)
    }
  })

  it('keeps the newest of its own ledgers', () => {
    const path = join(newDirectory(), 'stored.json')
    const own = Array.from({ length: OWN_LEDGERS_MAX + 2 }, (_, index) => nameAt(index + 1))
    writeStoredPosition(path, { open: undefined, atMs: 0, own })
    expect(readStoredPosition(path)?.own).toEqual(own.slice(2))
  })

  it.each(['', '{', '{"format":2}', '[]'])('that is damaged (%s) is refused by name', async (text) => {
    const path = join(newDirectory(), 'stored.json')
    writeFileSync(path, text)
    expect(await codeOf(Promise.resolve().then(() => readStoredPosition(path)))).toBe('data_format_invalid')
  })
})
