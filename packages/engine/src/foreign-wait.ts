/** Patience with a body that awaits a promise of its own while it is replayed (WORKFLOWS 8). */
import { type Clock, sleep } from '@tenax/kernel'
import { FOREIGN_FIRST_MS, FOREIGN_LOOK_MS_MAX, FOREIGN_MS_MAX } from './limits.ts'

/** Waits before another look, less and less often; gives false when the body has taken too long at one place. */
export function foreignWait(clock: Clock): (looks: number) => Promise<boolean> {
  let sinceMs = 0
  return async (looks) => {
    const nowMs = clock.monotonicMs()
    if (looks === 0) sinceMs = nowMs
    const goneMs = nowMs - sinceMs
    if (goneMs >= FOREIGN_MS_MAX) return false
    await sleep(clock, Math.min(Math.max(goneMs, FOREIGN_FIRST_MS), FOREIGN_LOOK_MS_MAX))
    return true
  }
}
