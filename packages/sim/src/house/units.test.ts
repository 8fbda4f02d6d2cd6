import { describe, expect, test } from 'vitest'
import { scanSource } from './source-text.ts'
import { checkUnits, wordsOf } from './units.ts'

const found = (text: string) => checkUnits(scanSource('packages/a/src/a.ts', text)).map((finding) => finding.rule)

describe('checkUnits()', () => {
  test.each([
    ['queryTimeout', 'readonly queryTimeout: number'],
    ['timeout', 'function f(timeout = 30) {}'],
    ['IDLE_TTL', 'const IDLE_TTL = 60_000'],
    ['delay', 'interface A { delay?: number }'],
    ['backoffMax', 'const backoffMax = 5'],
    ['sizeMax', 'const sizeMax = 100'],
    ['NAME_LENGTH_MAX', 'export const NAME_LENGTH_MAX = 63'],
    ['pageSize', 'f(pageSize: number)'],
    ['elapsed', 'let elapsed: bigint'],
    ['interval', 'class A { #interval = 5 }'],
    ['maxBytes', 'readonly maxBytes: number'],
    ['cacheAge', 'const cacheAge = 1'],
  ])('refuses %s in: %s', (name, text) => {
    expect(found(text)).toEqual([`the name ${name}`])
  })

  test.each([
    'const queryTimeoutMs = 5',
    'readonly segmentBytesMax: number',
    'const rows = 5; let pages: number; let usage = 1; let message = 2',
    'spawn(a, { timeout: 5000 })',
    'const timeout: Timer = f(1); const interval = clock.after(1, f)',
    'const options = { maxSize: 5 }',
    'options.timeout = 5',
    'get size(): number { return 1 }',
    'const limit = 10; const max = 1; const minute = 60',
    'if (timeout === 5) f()',
  ])('takes: %s', (text) => {
    expect(found(text)).toEqual([])
  })
})

test('checkUnits() lets a driver spell the library below it, but not its own constants', () => {
  const text = 'interface Native { get(options: { queryTimeout: number }): Row }\nconst timeout = 5'
  const findings = checkUnits(scanSource('packages/sqlite/src/drivers/libsql.ts', text))
  expect(findings.map((finding) => finding.line)).toEqual([2])
})

test('wordsOf() splits both styles of names', () => {
  expect(wordsOf('queryTimeoutMs')).toEqual(['query', 'timeout', 'ms'])
  expect(wordsOf('QUERY_TIMEOUT_MS')).toEqual(['query', 'timeout', 'ms'])
})
