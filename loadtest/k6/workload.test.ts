import { describe, expect, test } from 'vitest'
import {
  createRandom,
  createZipf,
  FIRST_ROWS,
  faultOf,
  nextOperation,
  type Operation,
  requestOf,
  verdictOf,
} from './workload.js'

const READ: Operation = { tenant: 7, verb: 'read', protocol: 'query', row: 3 }
const INSERT: Operation = { tenant: 7, verb: 'insert', protocol: 'hrana', row: 3 }

describe('createRandom()', () => {
  test('gives the same series for the same seed, and another for another', () => {
    const series = (seed: number) => Array.from({ length: 5 }, createRandom(seed))
    expect(series(1)).toEqual(series(1))
    expect(series(1)).not.toEqual(series(2))
    expect(series(1).every((value) => value >= 0 && value < 1)).toBe(true)
  })
})

describe('createZipf()', () => {
  test('stays within the tenants, at both ends too', () => {
    const pick = createZipf(10)
    expect([pick(0), pick(0.999_999_999)]).toEqual([0, 9])
    for (let step = 0; step < 1000; step++) expect(pick(step / 1000)).toBeLessThan(10)
  })

  test('picks the first tenant about twice as often as the second, and the last one still', () => {
    const [pick, random] = [createZipf(100), createRandom(1)]
    const counts = new Array<number>(100).fill(0)
    for (let round = 0; round < 100_000; round++) {
      const index = pick(random())
      counts[index] = (counts[index] ?? 0) + 1
    }
    expect((counts[0] ?? 0) / (counts[1] ?? 1)).toBeCloseTo(2, 0)
    expect(counts[99]).toBeGreaterThan(0)
  })

  test('picks the only tenant there is', () => {
    expect(createZipf(1)(0.5)).toBe(0)
  })
})

test('nextOperation() reads four times of five, on rows that exist, half of it over Hrana', () => {
  const [pick, random] = [createZipf(10), createRandom(3)]
  const operations = Array.from({ length: 10_000 }, () => nextOperation(random, pick))
  const share = (matches: (operation: Operation) => boolean) => operations.filter(matches).length / operations.length
  expect(share(({ verb }) => verb === 'read')).toBeCloseTo(0.8, 1)
  expect(share(({ protocol }) => protocol === 'hrana')).toBeCloseTo(0.5, 1)
  expect(share(({ row }) => row >= 1 && row <= FIRST_ROWS)).toBe(1)
})

test('requestOf() writes one statement in the words of the protocol', () => {
  expect(requestOf(READ, 'me')).toMatchObject({ path: '/t/load-0007/query', body: { args: [3] } })
  const { path, body } = requestOf(INSERT, 'me')
  expect(path).toBe('/t/load-0007/v2/pipeline')
  expect(body).toMatchObject({
    requests: [{ type: 'execute', stmt: { args: [{ type: 'text', value: 'me' }, {}] } }, { type: 'close' }],
  })
})

describe('faultOf()', () => {
  const hrana = (result: unknown) => ({ results: [{ type: 'ok', response: { type: 'execute', result } }] })

  test.each([
    ['a read that brings its row', READ, { rows: [[3, 'setup', 4.5]], rowsAffected: 0 }],
    [
      'a read over Hrana',
      { ...READ, protocol: 'hrana' as const },
      hrana({ rows: [[{ type: 'integer', value: '3' }]] }),
    ],
    ['an insert of one row', INSERT, hrana({ rows: [], affected_row_count: 1 })],
  ])('takes %s', (_name, operation, reply) => {
    expect(faultOf(operation, 200, reply)).toBeUndefined()
  })

  test.each([
    ['wrong_row', READ, 200, { rows: [[4]] }],
    ['wrong_row', READ, 200, undefined],
    ['wrong_count', INSERT, 200, hrana({ rows: [], affected_row_count: 0 })],
    ['SQLITE_BUSY', INSERT, 200, { results: [{ type: 'error', error: { code: 'SQLITE_BUSY', message: '' } }] }],
    ['overloaded', READ, 503, { code: 'overloaded' }],
    ['http_0', READ, 0, undefined],
    ['malformed_reply', INSERT, 200, {}],
  ])('calls it %s', (fault, operation, status, reply) => {
    expect(faultOf(operation, status, reply)).toBe(fault)
  })
})

test('verdictOf() is content exactly when stored lies between acknowledged and acknowledged + uncertain', () => {
  for (let stored = 0; stored < 12; stored++) {
    const content = verdictOf({ acknowledged: 5, uncertain: 2, stored }).startsWith('all ')
    expect({ stored, content }).toEqual({ stored, content: stored >= 5 && stored <= 7 })
  }
  expect(verdictOf({ acknowledged: 1, uncertain: 0, stored: undefined })).toBe('not counted')
})
