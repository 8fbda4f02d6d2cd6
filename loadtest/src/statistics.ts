/** Percentiles and medians. */

/** What a series of latencies amounts to. NaN where there is none. */
export interface LatencySummary {
  readonly count: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly longestMs: number
}

/**
 * The value at `fraction` (0 to 1) of `sorted`, by the nearest rank: the smallest value that at least so large a part of
 * the series does not exceed. NaN for an empty series.
 *
 * @example percentile([1, 2, 3, 4], 0.5) === 2
 */
export function percentile(sorted: ArrayLike<number>, fraction: number): number {
  const rank = Math.ceil(fraction * sorted.length)
  return sorted[Math.max(0, rank - 1)] ?? Number.NaN
}

/** The middle value, or the mean of the two middle ones. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)] ?? Number.NaN
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper
}

/** Sorts a copy of `latenciesMs` and reads the usual percentiles. */
export function summarise(latenciesMs: Iterable<number>): LatencySummary {
  const sorted = Float64Array.from(latenciesMs).sort()
  return {
    count: sorted.length,
    p50Ms: percentile(sorted, 0.5),
    p95Ms: percentile(sorted, 0.95),
    p99Ms: percentile(sorted, 0.99),
    longestMs: percentile(sorted, 1),
  }
}
