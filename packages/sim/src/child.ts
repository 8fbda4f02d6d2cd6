/** Real processes for the tests that kill them: started on a file, spoken to by lines, ended by a signal. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readSync, writeSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { assert } from '@tenax/kernel'

/** Where processes keep the sources that they have stripped and compiled, which is most of what a start takes. */
const COMPILED_PATH = fileURLToPath(new URL('../../../node_modules/.cache/compiled', import.meta.url))

/** How a process ended: by itself with a code, or by a signal. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Everything that it wrote to stderr. */
  readonly stderr: string
}

/** A process that runs a script of ours. */
export interface Child {
  readonly pid: number
  kill(signal: NodeJS.Signals): void
  /** Lets the process go on, if it waits in {@link waitForGo}. It must have been started with `waits`. */
  go(): void
  /** Resolves when the process is gone and everything that it wrote was heard. */
  readonly ended: Promise<Ending>
}

/** What to start. `onLine` hears each complete line of stdout. */
export interface ChildOptions {
  readonly script: URL
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Whether the process will ask to go on. */
  readonly waits?: boolean
  readonly onLine: (line: string, child: Child) => void
}

/**
 * The child's side: says one line, which is with the kernel when this returns. `process.stdout` would keep lines in the
 * process while its reader is slow, and a killed process takes those with it.
 */
export function sayLine(line: string): void {
  writeSync(1, `${line}\n`)
  keepCompiled()
}

let isKept = false

/** Node writes what it has compiled when a process ends, and ours are killed. */
function keepCompiled(): void {
  if (isKept) return
  isKept = true
  flushCompileCache()
}

/** The child's side: nothing at all happens in it until its parent has said `go`. */
export function waitForGo(): void {
  readSync(0, Buffer.alloc(1))
}

/** Starts Node on a script, never through a shim: a signal must reach the process itself. */
export function startChild({ script, args, env = {}, waits = false, onLine }: ChildOptions): Child {
  const process_ = spawn(process.execPath, [fileURLToPath(script), ...args], {
    env: { NODE_COMPILE_CACHE: COMPILED_PATH, ...env },
    stdio: [waits ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  })
  const { pid } = process_
  assert(pid !== undefined, 'the process was started')
  const { promise, resolve, reject } = Promise.withResolvers<Ending>()
  const child: Child = {
    pid,
    kill: (signal) => void process_.kill(signal),
    go: () => void process_.stdin?.write('g'),
    ended: promise,
  }
  const stderr = gather(process_)
  listen(process_, (line) => onLine(line, child))
  process_.once('error', reject)
  process_.stdin?.on('error', () => undefined) // it may be killed before it hears
  process_.once('close', (code, signal) => resolve({ code, signal, stderr: stderr() }))
  return child
}

function gather(process_: ChildProcess): () => string {
  const chunks: Buffer[] = []
  process_.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString('utf8')
}

/** Complete lines only: a killed process may leave half of one. */
function listen(process_: ChildProcess, onLine: (line: string) => void): void {
  let rest = ''
  process_.stdout?.setEncoding('utf8')
  process_.stdout?.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  })
}
