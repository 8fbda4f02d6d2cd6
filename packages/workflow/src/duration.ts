/** Durations as people write them. */
import { TenaxError } from '@tenax/kernel'
import type { Duration } from './api.ts'
import { DURATION_MS_MAX } from './limits.ts'

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/**
 * Milliseconds of a duration, rounded to whole ones.
 *
 * @throws TenaxError `argument_invalid` when it is no duration, negative, or longer than 100 years.
 * @example
 * parseDuration('1.5h') // 5_400_000
 */
export function parseDuration(duration: Duration): number {
  const ms = Math.round(typeof duration === 'number' ? duration : msOfText(duration))
  if (ms >= 0 && ms <= DURATION_MS_MAX) return ms
  throw new TenaxError('argument_invalid', `${shown(duration)} is not a duration: ${WRITE}`)
}

/** In the message, since a body that catches the failure of its operation meets no hint. */
const WRITE =
  "write milliseconds from 0 to 100 years, or a number with a unit, such as '250ms', '30s', '5m', '12h', '14d' or '2w'"

/** JSON has no word for NaN and Infinity. */
function shown(duration: unknown): string {
  if (typeof duration === 'string') return JSON.stringify(duration)
  return typeof duration === 'object' && duration !== null ? 'an object' : String(duration)
}

function msOfText(text: unknown): number {
  const match = typeof text === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(text) : null
  const unitMs = UNITS_MS[match?.[2] ?? '']
  return unitMs === undefined ? Number.NaN : Number(match?.[1]) * unitMs
}
