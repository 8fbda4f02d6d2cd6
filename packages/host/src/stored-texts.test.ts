import { isTenaxError } from '@tenax/kernel'
import { STORED_SQL_MAX } from '@tenax/protocol'
import { describe, expect, test } from 'vitest'
import { STORED_SQL_BYTES_MAX } from './limits.ts'
import { type ByteBudget, StoredTexts } from './stored-texts.ts'

function newTexts(bytesLeft = 10 * STORED_SQL_BYTES_MAX) {
  const shared: ByteBudget = { bytesLeft }
  return { shared, texts: new StoredTexts(shared) }
}

function codeOf(body: () => unknown): string {
  try {
    body()
    return 'ok'
  } catch (error) {
    return isTenaxError(error) ? error.code : String(error)
  }
}

describe('the texts of a stream', () => {
  test('are counted in bytes, not in characters, up to the limit and no further', () => {
    const { texts } = newTexts()
    texts.set(1, 'é'.repeat(STORED_SQL_BYTES_MAX / 2 - 1))
    expect(codeOf(() => texts.set(2, 'éé'))).toBe('argument_invalid')
    expect(codeOf(() => texts.set(2, 'é'))).toBe('ok')
    expect(codeOf(() => texts.set(3, 'x'))).toBe('argument_invalid')
    expect([texts.get(2), texts.get(3)]).toEqual(['é', undefined])
  })

  test('are bounded in number; one that takes the place of another does not count twice', () => {
    const { texts } = newTexts()
    for (let sqlId = 0; sqlId < STORED_SQL_MAX; sqlId += 1) texts.set(sqlId, 'select 1')
    expect(codeOf(() => texts.set(-1, 'select 1'))).toBe('argument_invalid')
    expect(codeOf(() => texts.set(7, 'select 2'))).toBe('ok')
    expect(texts.get(7)).toBe('select 2')
  })

  test('take from what all streams share and give it back, however they go', () => {
    const { shared, texts } = newTexts(100)
    texts.set(1, 'x'.repeat(60))
    expect(shared.bytesLeft).toBe(40)
    texts.set(1, 'y'.repeat(50))
    texts.set(2, 'y'.repeat(10))
    expect(shared.bytesLeft).toBe(40)
    texts.delete(2)
    texts.delete(2)
    texts.delete(99)
    expect(shared.bytesLeft).toBe(50)
    texts.clear()
    expect([shared.bytesLeft, texts.get(1)]).toEqual([100, undefined])
  })

  test('are overloaded when all streams together store too much, until another stream gives some back', () => {
    const { shared, texts } = newTexts(100)
    const other = new StoredTexts(shared)
    other.set(1, 'x'.repeat(80))
    expect(codeOf(() => texts.set(1, 'y'.repeat(21)))).toBe('overloaded')
    other.clear()
    expect(codeOf(() => texts.set(1, 'y'.repeat(21)))).toBe('ok')
    expect(shared.bytesLeft).toBe(79)
  })

  test('that are refused leave the one that had their place', () => {
    const { shared, texts } = newTexts(100)
    texts.set(1, 'x'.repeat(60))
    expect(codeOf(() => texts.set(1, 'y'.repeat(101)))).toBe('overloaded')
    expect(codeOf(() => texts.set(1, 'y'.repeat(STORED_SQL_BYTES_MAX + 1)))).toBe('argument_invalid')
    expect([texts.get(1), shared.bytesLeft]).toEqual(['x'.repeat(60), 40])
    expect(codeOf(() => texts.set(1, 'y'.repeat(100)))).toBe('ok')
  })
})
