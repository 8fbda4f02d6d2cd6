import { decodeJsonArgs } from '@tenax/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeQueryArgs } from './query-args.ts'

const value = fc.oneof(
  fc.constant(null),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.string(),
  fc.uint8Array(),
  fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }),
)

test('what is bound is what the server decodes', () => {
  fc.assert(
    fc.property(fc.array(value), (args) => {
      expect(decodeJsonArgs(encodeQueryArgs(args))).toEqual(args)
    }),
  )
})

test('names go along', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), value), (args) => {
      expect(decodeJsonArgs(encodeQueryArgs(args))).toEqual({ ...args })
    }),
  )
})
