/** The thread that watches the event loop of its process (WORKFLOWS 29). It shares nothing with it but {@link LoopView}'s memory. */
import { Session } from 'node:inspector'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '@tenax/kernel'
import { STALL_LOOK_MS } from '../limits.ts'
import { LoopView, type RunName } from './loop-note.ts'
import { removeStallMark, writeStallMark, writeStderr } from './stall-mark.ts'
import { StallWatch } from './stall-watch.ts'
import { RUN_ON_LOOP, type ThreadNews, type ThreadOptions } from './thread-port.ts'

const options = workerData as ThreadOptions
const { markPath, tellsStderr } = options
const view = new LoopView(options.memory)

const watch = new StallWatch(
  view,
  { reportMs: options.reportMs, killMs: options.killMs, lookMsMax: 2 * STALL_LOOK_MS },
  {
    ask,
    report(stalledMs, run) {
      if (run !== undefined) mark(run, false)
      say('the event loop stands still', { stalledMs, ...run })
      tell({ type: 'stalled', stalledMs, run })
    },
    recovered(stalledMs, run) {
      removeStallMark(markPath)
      tell({ type: 'recovered', stalledMs, run })
    },
    kill(stalledMs, run) {
      if (run !== undefined) mark(run, true)
      say('the event loop has stood still for too long: the process is ended', { stalledMs, ...run })
      process.kill(process.pid, 'SIGKILL')
    },
  },
)

/** Without its mark a run is only found later: by the deaths that it causes. */
function mark(run: RunName, isKilled: boolean): void {
  try {
    writeStallMark(markPath, { epoch: options.epoch, ...run, isKilled })
  } catch (error) {
    say('the run that stands on the event loop could not be marked', { ...run, error: String(error) })
  }
}

/** The loop's own log is as stuck as it is, so this goes straight to the descriptor, in the form of the log's lines. */
function say(msg: string, more: Readonly<Record<string, unknown>>): void {
  if (!tellsStderr) return
  writeStderr(JSON.stringify({ level: 50, time: systemClock.nowMs(), pid: process.pid, ...more, msg }))
}

function tell(news: ThreadNews): void {
  parentPort?.postMessage(news)
}

/** Stops the loop's interpreter where it is for as long as it takes to ask in which context, and lets it go on. */
function ask(answer: (run: RunName) => void): void {
  const session = new Session()
  session.connectToMainThread()
  session.once('Debugger.paused', () => {
    const expression = `globalThis[Symbol.for('${RUN_ON_LOOP}')]?.()`
    session.post('Runtime.evaluate', { expression, returnByValue: true, silent: true }, (error, reply) => {
      session.post('Debugger.resume')
      session.post('Debugger.disable', () => session.disconnect())
      const value: unknown = error === null ? reply.result.value : undefined
      if (isRunName(value)) answer(value)
    })
  })
  session.post('Debugger.enable', () => session.post('Debugger.pause'))
}

function isRunName(value: unknown): value is RunName {
  return typeof value === 'object' && value !== null && 'tenant' in value && 'run' in value
}

let lookedAtMs = systemClock.monotonicMs()
function look(): void {
  const nowMs = systemClock.monotonicMs()
  if (options.parentPid !== undefined && process.ppid !== options.parentPid) process.kill(process.pid, 'SIGKILL')
  watch.look(nowMs - lookedAtMs)
  lookedAtMs = nowMs
  systemClock.after(STALL_LOOK_MS, look)
}

// The clock's timers keep no thread alive; a port that is listened to does.
parentPort?.on('message', () => undefined)
look()
