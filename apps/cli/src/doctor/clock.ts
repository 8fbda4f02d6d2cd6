/** The clocks: whether the calendar is set, and whether it runs as fast as the clock that measures. */
import type { Clock } from '@tenax/kernel'
import type { Finding } from './check.ts'

/** How long the two clocks are compared. */
const WATCH_MS = 1000

/** Milliseconds of difference after {@link WATCH_MS}: an NTP slew is 0.5 at most, a step of the clock far more. */
const DRIFT_MS_MAX = 20

/** Before this year Tenax did not exist. */
const YEAR_MIN = 2024

/** Holds the thread for so long; a clock's own timer would let the process end meanwhile. */
export function pauseThread(forMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, forMs)
}

/** Compares the clocks of `clock` over a second, spent by `pause`. */
export function checkClock(clock: Clock, pause: (forMs: number) => void): Finding {
  const startWallMs = clock.nowMs()
  const startMonotonicMs = clock.monotonicMs()
  pause(WATCH_MS)
  const wallMs = clock.nowMs()
  const driftMs = wallMs - startWallMs - (clock.monotonicMs() - startMonotonicMs)
  const now = new Date(wallMs).toISOString()
  const facts = { now, driftMs }
  if (new Date(wallMs).getUTCFullYear() < YEAR_MIN) {
    return { status: 'fail', message: `it is not ${now}: set the clock, certificates and timers depend on it`, facts }
  }
  if (Math.abs(driftMs) > DRIFT_MS_MAX) {
    return { status: 'warn', message: `the wall clock moved ${driftMs.toFixed(0)} ms in a second: see to NTP`, facts }
  }
  return { status: 'ok', message: `${now}, drift ${driftMs.toFixed(1)} ms in a second`, facts }
}
