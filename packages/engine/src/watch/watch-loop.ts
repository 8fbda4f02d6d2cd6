/** Begins the watch over the event loop of this process (WORKFLOWS 29). */
import inspector from 'node:inspector'
import { Worker } from 'node:worker_threads'
import { systemClock, type Timer } from '@tenax/kernel'
import { LOOP_BEAT_MS, STALL_REPORT_MS } from '../limits.ts'
import { runOnLoop } from '../stray.ts'
import { newLoopMemory, noteInto, noteNothing, type RunName } from './loop-note.ts'
import { RUN_ON_LOOP, type ThreadNews, type ThreadOptions } from './thread-port.ts'

/** How an event loop is watched. */
export interface WatchOptions {
  /** Where the mark of a run that stands on the loop is left: see `readStallMark`. */
  readonly markPath: string
  /** A number of this process: the mark of another is worth nothing to whoever comes behind this one. */
  readonly epoch: number
  /** A loop that has stood still for so long is told; `STALL_REPORT_MS` if unsaid. */
  readonly reportMs?: number | undefined
  /** A loop that has stood still for so long ends its process with SIGKILL, in milliseconds. Undefined: it is only told. */
  readonly killMs?: number | undefined
  /** Whether the thread writes to stderr what it sees, a JSON line each: the loop cannot. */
  readonly tellsStderr?: boolean | undefined
  /** The process that this one must not outlive; it ends itself with SIGKILL. Undefined: any. */
  readonly parentPid?: number | undefined
  /** Told, when the loop turns again, how long it stood, and for which run. */
  readonly onStall: (stalledMs: number, run: RunName | undefined) => void
}

/** A watch that is kept. */
export interface LoopWatch {
  stop(): Promise<void>
}

/** Watches until it is stopped. There is one watch in a process; the last one begun has the notes. */
export function watchLoop(options: WatchOptions): LoopWatch {
  const { markPath, epoch, reportMs = STALL_REPORT_MS, killMs, tellsStderr = false, parentPid, onStall } = options
  const memory = newLoopMemory()
  const beat = noteInto(memory)
  Reflect.set(globalThis, Symbol.for(RUN_ON_LOOP), runOnLoop)
  let timer: Timer
  const turn = () => {
    beat(inspector.url() !== undefined)
    timer = systemClock.after(LOOP_BEAT_MS, turn)
  }
  turn()
  const workerData: ThreadOptions = { memory, markPath, epoch, reportMs, killMs, tellsStderr, parentPid }
  const thread = new Worker(new URL(`./watch-thread${SUFFIX}`, import.meta.url), { workerData, execArgv: [] })
  thread.unref()
  thread.on('message', ({ type, stalledMs, run }: ThreadNews) => {
    if (type === 'recovered') onStall(stalledMs, run)
  })
  thread.on('error', () => undefined) // the loop turns without it; what it would have told is only told less well
  return {
    async stop() {
      timer.cancel()
      noteNothing()
      await thread.terminate()
    },
  }
}

/** The thread's module stands beside this one, before and after a build. */
const SUFFIX = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
