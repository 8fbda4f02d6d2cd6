/** What a signal to stop means: the first drains, the same one again is ignored, a later one ends the process. */
import type { Clock } from '@tenax/kernel'

/** A terminal's Ctrl-C reaches the server twice when npm stands between: once directly, once handed on. */
const SAME_SIGNAL_MS = 1_000

/** Answers, for one signal after the other, what it means. */
export function signalMeaning(clock: Clock): () => 'drain' | 'same' | 'exit' {
  let firstMs: number | undefined
  return () => {
    const nowMs = clock.monotonicMs()
    if (firstMs !== undefined) return nowMs - firstMs > SAME_SIGNAL_MS ? 'exit' : 'same'
    firstMs = nowMs
    return 'drain'
  }
}
