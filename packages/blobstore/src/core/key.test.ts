import { join, resolve, sep } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BAD_KEYS } from '../fixtures/contract-keys.ts'
import { KEY_BYTES_MAX, KEY_PART_BYTES_MAX, KEY_PARTS_MAX } from '../limits.ts'
import { isKey, isKeyPart } from './key.ts'

/** Letters that begin and end a part, and all that may stand between them. */
const END = 'abcxyz0189'
const WITHIN = `${END}-_.`

const ends = fc.constantFrom(...END)
const within = fc.string({ unit: fc.constantFrom(...WITHIN), maxLength: 20 })
const parts = fc.oneof(
  ends,
  fc.tuple(ends, within, ends).map((letters) => letters.join('')),
)
const keys = fc.array(parts, { minLength: 1, maxLength: KEY_PARTS_MAX }).map((each) => each.join('/'))

/** Text that is nearly a key, and all other text. */
const nearly = fc.string({
  unit: fc.constantFrom(...WITHIN, '/', '\\', '%', 'A', ' ', '\0', 'ä', '\u0130'),
  maxLength: 30,
})
const texts = fc.oneof(nearly, fc.string({ unit: 'binary' }), fc.constantFrom(...BAD_KEYS))

/** The rule in words, as the head of key.ts says it. */
function isKeyByTheRule(text: string): boolean {
  const each = text.split('/')
  const isPart = (part: string) => {
    const letters = [...part]
    const isEnd = (letter: string | undefined) => letter !== undefined && /^[a-z0-9]$/.test(letter)
    const isLetter = (letter: string) => isEnd(letter) || ['-', '_', '.'].includes(letter)
    return isEnd(letters[0]) && isEnd(letters.at(-1)) && letters.every(isLetter) && letters.length <= KEY_PART_BYTES_MAX
  }
  return Buffer.byteLength(text) <= KEY_BYTES_MAX && each.length <= KEY_PARTS_MAX && each.every(isPart)
}

test('parts joined by "/" are a key, as long as they are not too long together', () => {
  fc.assert(
    fc.property(keys, (key) => {
      expect(isKey(key)).toBe(key.length <= KEY_BYTES_MAX)
    }),
  )
})

test('any text is a key exactly when the rule says so', () => {
  fc.assert(
    fc.property(texts, (text) => {
      expect(isKey(text)).toBe(isKeyByTheRule(text))
    }),
  )
})

test('a key leads to one place below any directory, and no two lead to the same', () => {
  const root = resolve('/store')
  fc.assert(
    fc.property(keys, keys, (one, two) => {
      const path = join(root, one)
      expect(path).toBe(`${root}${sep}${one.replaceAll('/', sep)}`)
      expect(resolve(root, one)).toBe(path)
      // Neither on a file system that folds case or forms of letters, nor in a URL.
      const folded = (key: string) => decodeURIComponent(key).normalize('NFKC').toLowerCase()
      expect(folded(one) === folded(two)).toBe(one === two)
      expect(new URL(one, 'http://host/bucket/').pathname).toBe(`/bucket/${one}`)
    }),
  )
})

test('the order of keys is the order of their bytes', () => {
  fc.assert(
    fc.property(keys, keys, (one, two) => {
      expect(one < two).toBe(Buffer.compare(Buffer.from(one), Buffer.from(two)) < 0)
    }),
  )
})

test('a part is a key by itself', () => {
  fc.assert(
    fc.property(texts, (text) => {
      expect(isKeyPart(text)).toBe(isKey(text) && !text.includes('/'))
    }),
  )
})
