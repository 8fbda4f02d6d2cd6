/** `tenax import`. */
import { openAsBlob } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { isTenaxError } from '@tenax/kernel'
import { CliError } from '../failure.ts'
import { type CommandContext, confirm, print, printJson } from '../io.ts'
import { formatBytes } from '../table.ts'
import { metered, startProgress } from './progress.ts'
import { finishJob } from './run-job.ts'

/** What to import, and where to. */
export interface ImportOptions {
  readonly tenantId: string
  /** `-` is stdin. */
  readonly file: string
  /** Whether a tenant that is there may be replaced without a question. */
  readonly yes: boolean
  /** Whether its workflows go on here at once. */
  readonly release?: boolean | undefined
}

interface Source {
  readonly chunks: AsyncIterable<Uint8Array>
  readonly bytes: number | undefined
}

/** Creates a tenant from a SQLite file, or replaces what it holds after a question. */
export async function importTenant(context: CommandContext, options: ImportOptions): Promise<void> {
  const { tenantId, file, yes, release } = options
  const source = file === '-' ? sourceOfStdin(context) : await sourceOfFile(file)
  if (await exists(context, tenantId)) {
    await confirm(context.io, { what: `this replaces everything in tenant ${tenantId}`, isGiven: yes })
  }
  const progress = await startProgress(context, { label: `import ${tenantId}`, totalBytes: source.bytes })
  const body = ReadableStream.from(metered(source.chunks, progress))
  const request = { verb: 'import', tenant: tenantId, body, bytes: source.bytes } as const
  const job = await context.client.jobs.start(request).finally(() => progress.stop())
  const { result } = await finishJob(context, job)
  const released = release ? (await context.client.tenants.releaseWorkflows(tenantId)).released : undefined
  if (context.json) printJson(context.io, released === undefined ? result : { ...result, released })
  else print(context.io, `imported ${formatBytes(progress.doneBytes)} into tenant ${tenantId}`)
  if (released !== undefined && !context.json) print(context.io, `released ${released} runs`)
}

function sourceOfStdin({ io: { stdin } }: CommandContext): Source {
  if (stdin.isTTY === true) throw CliError.usage('a database is not typed at a terminal', 'name a file, or pipe stdin')
  return { chunks: Readable.from(stdin), bytes: undefined }
}

async function sourceOfFile(path: string): Promise<Source> {
  if (!(await stat(path)).isFile()) throw CliError.usage(`${path} is not a file`, 'for a pipe, write - and use stdin')
  const blob = await openAsBlob(path)
  return { chunks: blob.stream(), bytes: blob.size }
}

async function exists({ client }: CommandContext, tenantId: string): Promise<boolean> {
  try {
    await client.tenants.get(tenantId)
    return true
  } catch (error) {
    if (isTenaxError(error, 'tenant_not_found')) return false
    throw error
  }
}
