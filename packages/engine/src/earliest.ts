/** The earliest of some times, of which each may be unknown; undefined when all are. */
export function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((atMs) => atMs !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}
