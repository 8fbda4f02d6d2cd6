/** What an event loop and the thread that watches it say to each other. */
import type { RunName } from './loop-note.ts'

/** The name under which the loop's process tells whose code it is running. */
export const RUN_ON_LOOP = 'tenax.runOnLoop'

/** What the thread is started with. */
export interface ThreadOptions {
  readonly memory: SharedArrayBuffer
  readonly markPath: string
  readonly epoch: number
  readonly reportMs: number
  readonly killMs: number | undefined
  readonly tellsStderr: boolean
  readonly parentPid: number | undefined
}

/** What the thread tells. The loop hears it when it turns again. */
export interface ThreadNews {
  readonly type: 'stalled' | 'recovered'
  readonly stalledMs: number
  readonly run: RunName | undefined
}
