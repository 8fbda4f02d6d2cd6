/** Servers as child processes: Tenax itself, and bare Hono to compare with. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { childEnvironment } from './settings.ts'

const TENAX_PATH = fileURLToPath(new URL('../../apps/cli/bin/tenax.ts', import.meta.url))
const HELLO_PATH = fileURLToPath(new URL('./hello-server.ts', import.meta.url))

/** A server that listens. Stop it, or use `await using`. */
export interface RunningServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Drains it by SIGTERM. Throws when it ends with another code than 0. */
  stop(): Promise<void>
}

/** How Tenax is started. */
export interface ServerOptions {
  readonly dataPath: string
  readonly environment?: Readonly<Record<string, string>>
  /** Arguments of Node itself, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[]
}

/** Starts `tenax serve` on a free port of loopback. It has no admin key, whatever the caller's environment says. */
export function startTenax({ dataPath, environment = {}, nodeArgs = [] }: ServerOptions): Promise<RunningServer> {
  const args = [...nodeArgs, TENAX_PATH, 'serve', '--port', '0', '--data', dataPath]
  return start(args, { TENAX_ADMIN_KEY: '', TENAX_HOST: '', ...environment })
}

/** Starts bare Hono with two routes: `GET /` answers a text, `POST /echo` parses and answers JSON. */
export function startHello(): Promise<RunningServer> {
  return start([HELLO_PATH], {})
}

async function start(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<RunningServer> {
  const env = childEnvironment(environment)
  const child = spawn(process.execPath, [...args], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const killChild = () => child.kill('SIGKILL')
  process.once('exit', killChild)
  const { port, pid } = await readyLine(child)
  const stop = async () => {
    process.off('exit', killChild)
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    const [code]: unknown[] = await exited
    if (code !== 0) throw new Error(`a server ended with ${String(code ?? child.signalCode)}`)
  }
  return { url: `http://127.0.0.1:${port}`, port, pid, stop, [Symbol.asyncDispose]: stop }
}

/** The server prints one JSON line when it listens. Throws when it ends before. */
async function readyLine(
  child: ChildProcessByStdio<null, Readable, null>,
): Promise<{ readonly port: number; readonly pid: number }> {
  for await (const line of createInterface({ input: child.stdout })) {
    const ready: unknown = JSON.parse(line)
    child.stdout.resume() // whatever comes later must not fill the pipe
    if (isReady(ready)) return ready
  }
  throw new Error('the server ended before it listened')
}

function isReady(value: unknown): value is { port: number; pid: number } {
  if (typeof value !== 'object' || value === null) return false
  return 'port' in value && typeof value.port === 'number' && 'pid' in value && typeof value.pid === 'number'
}
