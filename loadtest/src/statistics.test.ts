import { describe, expect, test } from 'vitest'
import { median, percentile, summarise } from './statistics.ts'

describe('percentile()', () => {
  test.each([
    [0, 1],
    [0.5, 2],
    [0.75, 3],
    [0.76, 4],
    [1, 4],
  ])('at %d takes the nearest rank', (fraction, value) => {
    expect(percentile([1, 2, 3, 4], fraction)).toBe(value)
  })

  test('is NaN for an empty series', () => {
    expect(percentile([], 0.5)).toBeNaN()
  })
})

test('median() takes the middle, or the mean of two', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([7])]).toEqual([2, 2.5, 7])
  expect(median([])).toBeNaN()
})

test('summarise() sorts by value and leaves its argument alone', () => {
  const latenciesMs = [10, 9, 100, 1]
  expect(summarise(latenciesMs)).toEqual({ count: 4, p50Ms: 9, p95Ms: 100, p99Ms: 100, longestMs: 100 })
  expect(latenciesMs).toEqual([10, 9, 100, 1])
})
