/** Lengths of time, for people. */

const UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1000 },
] as const

/** A length of time to two or three digits: `12 ms`, `1.4 s`, `3 d`. */
export function formatDuration(ms: number): string {
  const unit = UNITS.find((one) => ms >= one.ms)
  if (unit === undefined) return `${Math.round(ms)} ms`
  const count = ms / unit.ms
  return `${count >= 10 ? Math.round(count) : Number(count.toFixed(1))} ${unit.name}`
}
