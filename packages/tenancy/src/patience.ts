/** Waiting for work that goes on when nobody waits for it any more. */
import type { Clock } from '@tenax/kernel'

/** Resolves when `work` has ended, or after `waitMs`. Rejects as `work` does, if that is before. */
export async function waitAtMost(clock: Clock, waitMs: number, work: Promise<unknown>): Promise<void> {
  const patience = Promise.withResolvers<void>()
  const timer = clock.after(waitMs, patience.resolve)
  try {
    await Promise.race([work, patience.promise])
  } finally {
    timer.cancel()
  }
}
