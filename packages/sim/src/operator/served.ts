/** A real server for the operator tests, spoken to through its socket, and the sqlite3 shell of somebody else. */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Child, startChild } from '../child.ts'

const SCRIPT = new URL('../../../../apps/cli/bin/tenax.ts', import.meta.url)
const SHELL_PATHS = ['/usr/bin/sqlite3', '/usr/local/bin/sqlite3']
const executeFile = promisify(execFile)

/** The sqlite3 shell of this machine, if it has one. */
export const shellPath: string | undefined = SHELL_PATHS.find((path) => existsSync(path))

/** A server that listens; killed at the end of its scope, if it still runs then. */
export interface Served extends AsyncDisposable {
  readonly child: Child
  readonly url: string
  readonly dataPath: string
}

/** Starts a server and waits until it listens. */
export function serve(dataPath: string, handlesMax: number): Promise<Served> {
  const { promise, resolve, reject } = Promise.withResolvers<Served>()
  const env = { TENAX_HANDLES: String(handlesMax), TENAX_LOG: 'warn' }
  const args = ['serve', '--port', '0', '--data', dataPath]
  const onLine = (line: string, child: Child) => resolve(servedBy(child, listeningUrl(line), dataPath))
  const child = startChild({ script: SCRIPT, args, env, onLine })
  child.ended.then(({ code, stderr }) => reject(new Error(`the server ended with ${code}: ${stderr}`)), reject)
  return promise
}

function servedBy(child: Child, url: string, dataPath: string): Served {
  const kill = async () => {
    child.kill('SIGKILL')
    await child.ended
  }
  return { child, url, dataPath, [Symbol.asyncDispose]: kill }
}

function listeningUrl(line: string): string {
  const ready: unknown = JSON.parse(line)
  if (typeof ready === 'object' && ready !== null && 'url' in ready) return String(ready.url)
  throw new Error(`not a ready line: ${line}`)
}

/** What a server answered: rows of a query, or the code of a problem. */
export interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly rows: readonly (readonly unknown[])[]
  readonly incarnation: string | undefined
}

/** Sends one request with a JSON body. */
export async function send(served: Served, method: 'GET' | 'POST', path: string, body?: object): Promise<Answer> {
  const response = await fetch(`${served.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const value = (await response.json()) as Partial<Answer>
  return { status: response.status, code: value.code, rows: value.rows ?? [], incarnation: value.incarnation }
}

/** Runs one statement of a tenant. */
export function query(served: Served, id: string, sql: string, args: readonly unknown[] = []): Promise<Answer> {
  return send(served, 'POST', `/t/${id}/query`, { sql, args })
}

/** The live file of a tenant. */
export async function liveFileOf(served: Served, id: string): Promise<string> {
  const { incarnation } = await send(served, 'GET', `/v1/tenants/${id}`)
  const shards = join(served.dataPath, 'shards')
  for (const shard of readdirSync(shards)) {
    const directory = join(shards, shard, incarnation ?? '')
    const name = existsSync(directory) ? readdirSync(directory).find((file) => file.endsWith('.db')) : undefined
    if (incarnation !== undefined && name !== undefined) return join(directory, name)
  }
  throw new Error(`tenant ${id} has no file`)
}

/** Runs SQL in the shell, which opens the live file, waits 5 s for a lock, and exits. Gives what it printed. */
export async function operate(path: string, sql: string): Promise<string> {
  const { stdout } = await executeFile(shellPath ?? '', ['-batch', '-bail', '-cmd', '.timeout 5000', path, sql], {
    env: {},
  })
  return stdout.trim()
}

/**
 * WAL files of tenants that the process has open although somebody has unlinked them. SQLite closes a WAL before it
 * unlinks it; with `-shm` it is the other way round, so that one may be seen unlinked in any proper close.
 */
export function unlinkedWals({ child, dataPath }: Served): string[] {
  const descriptors = `/proc/${child.pid}/fd`
  return readdirSync(descriptors)
    .map((name) => targetOf(join(descriptors, name)))
    .filter((path) => path.startsWith(join(dataPath, 'shards')) && path.endsWith('-wal (deleted)'))
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return '' // closed meanwhile
  }
}
