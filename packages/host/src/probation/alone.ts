/** Runs one run alone in a process of its own, and says how that went. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import { readStallMark } from '@tenax/engine'
import type { Clock, TenantId, Timer } from '@tenax/kernel'
import { CHILD_STOP_MS, PROBATION_MS_MAX, STALL_KILL_MS } from '../limits.ts'
import { CHILD_MARK, type ChildOptions, isChildWord, STOP } from './child-port.ts'

/** What a run is tried with. */
export interface AloneOptions {
  readonly directory: string
  readonly tenant: TenantId
  readonly run: string
  readonly module: string
  readonly memoryMib: number
  readonly stallKillMs: number | undefined
  readonly clock: Clock
}

/** How it went: the run is over or waits, or was stopped without blame; or it killed its process; or it could not be tried. */
export type AloneEnd =
  | { readonly type: 'over' | 'stopped' }
  | { readonly type: 'died'; readonly why: string }
  | { readonly type: 'unfit'; readonly reason: string }

/** A run that is being tried. */
export interface Alone {
  readonly pid: number | undefined
  readonly ended: Promise<AloneEnd>
  /** Asks it to stop where it is; kills it when it does not. */
  stop(): void
}

const ENTRY = new URL(`./child-process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)

/** Starts the process. It is stopped after {@link PROBATION_MS_MAX}, so that its tenant is away for a bounded time. */
export function tryAlone(options: AloneOptions): Alone {
  const { directory, tenant, run, module, clock } = options
  const args: ChildOptions = {
    ...{ directory, tenant, run, module, parentPid: process.pid },
    stallKillMs: options.stallKillMs ?? STALL_KILL_MS,
  }
  const child = fork(ENTRY, [JSON.stringify(args)], {
    execArgv: [`--max-old-space-size=${options.memoryMib}`],
    // What the run prints must not get into what the host says.
    stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
  })
  const timers: Timer[] = []
  const ended = Promise.withResolvers<AloneEnd>()
  let hasBegun = false
  let isStopped = false
  let end: AloneEnd | undefined
  const stop = () => {
    if (isStopped) return
    isStopped = true
    if (child.connected) child.send(STOP, () => undefined)
    timers.push(clock.after(CHILD_STOP_MS, () => void child.kill('SIGKILL')))
  }
  timers.push(clock.after(PROBATION_MS_MAX, stop))
  child.on('message', (word) => {
    if (!isChildWord(word)) return
    if (word.type === 'begun') hasBegun = true
    if (word.type === 'over') end = { type: isStopped ? 'stopped' : 'over' }
    if (word.type === 'unfit') end = { type: 'unfit', reason: word.reason }
  })
  child.once('error', (error) => ended.resolve({ type: 'unfit', reason: error.message }))
  child.once('close', (code, signal) => {
    for (const timer of timers) timer.cancel()
    const why = whyOf(directory, signal ?? `code ${code}`)
    if (end !== undefined) ended.resolve(end)
    else if (isStopped) ended.resolve({ type: 'stopped' })
    else
      ended.resolve(
        hasBegun ? { type: 'died', why } : { type: 'unfit', reason: `its process ended with ${signal ?? code}` },
      )
  })
  return { pid: child.pid, ended: ended.promise, stop }
}

function whyOf(directory: string, ending: string): string {
  const mark = readStallMark(join(directory, CHILD_MARK))
  if (mark?.isKilled === true)
    return 'it held the event loop of the process in which it ran alone, which was ended for it'
  return `the process in which it ran alone died (${ending})`
}
