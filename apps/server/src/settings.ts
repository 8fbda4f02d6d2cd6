/** The server's settings: defaults, then environment, then arguments. Nothing else in the server reads the environment. */
import { resolve } from 'node:path'
import { DURABILITY_CLASSES, type DurabilityClass, MIB_BYTES, TenaxError } from '@tenax/kernel'
import type { LoadModule, RecoverDataOptions, StoreSettings } from 'tenax'
import { z } from 'zod'
import { type Project, readProject } from './project.ts'
import { readStore } from './store-settings.ts'

/** What the command line gives. Undefined means: not given. */
export interface ServerArguments {
  readonly port?: number | undefined
  readonly host?: string | undefined
  readonly data?: string | undefined
  readonly config?: string | undefined
  readonly json?: boolean | undefined
  readonly handles?: number | undefined
  readonly durability?: string | undefined
  /** A directory, or `s3://bucket/prefix`. */
  readonly store?: string | undefined
  /** Seconds. */
  readonly archiveAfter?: number | undefined
  /** MiB. */
  readonly diskBudget?: number | undefined
  /** MiB; 0: none. */
  readonly diskFreeMin?: number | undefined
  /** Seconds; 0: never. */
  readonly scrubEvery?: number | undefined
}

/** Settings of one server, complete and checked. */
export interface ServerSettings {
  /** 0 picks a free one. */
  readonly port: number
  readonly host: string
  readonly dataPath: string
  readonly adminKey: string | undefined
  readonly project: Project
  readonly handlesMax: number | undefined
  readonly queryTimeoutMs: number | undefined
  readonly durability: DurabilityClass | undefined
  readonly store: StoreSettings | undefined
  readonly archiveAfterMs: number | undefined
  readonly diskBudgetBytes: number | undefined
  readonly diskFreeBytesMin: number | undefined
  /** 0: never. Undefined: as the mode has it. */
  readonly scrubEveryMs: number | undefined
  /** Undefined: a standing event loop is only told. */
  readonly stallKillMs: number | undefined
  /** Print the ready line as JSON. */
  readonly json: boolean
  readonly logLevel: string
}

const DEFAULT_PORT = 8787
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost'])

const portSchema = z.coerce.number().int().min(0).max(65_535)
const countSchema = z.coerce.number().int().min(1)
const durabilitySchema = z.enum(DURABILITY_CLASSES)
const environmentSchema = z.object({
  TENAX_PORT: portSchema.optional(),
  TENAX_HOST: z.string().min(1).optional(),
  TENAX_DATA: z.string().min(1).optional(),
  TENAX_ADMIN_KEY: z.string().min(1).optional(),
  TENAX_HANDLES: countSchema.optional(),
  TENAX_QUERY_TIMEOUT_MS: countSchema.optional(),
  TENAX_STALL_KILL_MS: countSchema.optional(),
  TENAX_DURABILITY: durabilitySchema.optional(),
  TENAX_STORE: z.string().min(1).optional(),
  TENAX_ARCHIVE_AFTER_S: countSchema.optional(),
  TENAX_DISK_BUDGET_MIB: countSchema.optional(),
  TENAX_DISK_FREE_MIN_MIB: z.coerce.number().int().min(0).optional(),
  TENAX_SCRUB_EVERY_S: z.coerce.number().int().min(0).optional(),
  TENAX_S3_ENDPOINT: z.string().min(1).optional(),
  TENAX_S3_REGION: z.string().min(1).optional(),
  AWS_ACCESS_KEY_ID: z.string().min(1).optional(),
  AWS_SECRET_ACCESS_KEY: z.string().min(1).optional(),
  TENAX_LOG: z.enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug']).optional(),
})
/**
 * Settings with the project, whose modules `load` imports.
 *
 * @throws TenaxError `config_invalid` naming what is wrong; `admin_key_required` for a public address without a key
 */
export async function readSettings(
  argv: ServerArguments,
  load: LoadModule | undefined = undefined,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<ServerSettings> {
  const env = parseOrThrow(environmentSchema, pick(environment), 'the environment')
  const host = argv.host ?? env.TENAX_HOST ?? '127.0.0.1'
  if (!LOOPBACK.has(host) && env.TENAX_ADMIN_KEY === undefined) {
    throw new TenaxError(
      'admin_key_required',
      `without TENAX_ADMIN_KEY the server listens on loopback only, not on ${host}`,
      {
        hint: 'export TENAX_ADMIN_KEY=$(openssl rand -hex 32)',
      },
    )
  }
  const place = argv.store ?? env.TENAX_STORE
  const archiveAfterS = argv.archiveAfter ?? env.TENAX_ARCHIVE_AFTER_S
  const scrubEveryS = argv.scrubEvery ?? env.TENAX_SCRUB_EVERY_S
  const diskBudget = argv.diskBudget ?? env.TENAX_DISK_BUDGET_MIB
  const diskFreeMin = argv.diskFreeMin ?? env.TENAX_DISK_FREE_MIN_MIB
  const port = parseOrThrow(portSchema, argv.port ?? env.TENAX_PORT ?? DEFAULT_PORT, 'the port')
  return {
    port,
    host,
    dataPath: resolve(argv.data ?? env.TENAX_DATA ?? 'data'),
    adminKey: env.TENAX_ADMIN_KEY,
    project: await readProject(argv.config, load),
    handlesMax: argv.handles ?? env.TENAX_HANDLES,
    queryTimeoutMs: env.TENAX_QUERY_TIMEOUT_MS,
    durability: parseOrThrow(durabilitySchema.optional(), argv.durability ?? env.TENAX_DURABILITY, 'the durability'),
    store: place === undefined ? undefined : readStore(place, env),
    archiveAfterMs: archiveAfterS === undefined ? undefined : archiveAfterS * 1_000,
    scrubEveryMs: scrubEveryS === undefined ? undefined : scrubEveryS * 1_000,
    diskBudgetBytes: diskBudget === undefined ? undefined : diskBudget * MIB_BYTES,
    diskFreeBytesMin: diskFreeMin === undefined ? undefined : diskFreeMin * MIB_BYTES,
    stallKillMs: env.TENAX_STALL_KILL_MS,
    json: argv.json === true || port === 0,
    logLevel: env.TENAX_LOG ?? 'info',
  }
}

/** What `tenax recover` is told, and where the rest comes from. */
export interface RecoverArguments {
  /** The store: a directory, or `s3://bucket/prefix`. */
  readonly from: string
  readonly data?: string | undefined
  readonly dataId?: string | undefined
}

/** Settings of a recovery: no server, and no project. Throws TenaxError `config_invalid`. */
export function readRecovery(
  { from, data, dataId }: RecoverArguments,
  environment: NodeJS.ProcessEnv = process.env,
): RecoverDataOptions {
  const env = parseOrThrow(environmentSchema, pick(environment), 'the environment')
  return { store: readStore(from, env), data: resolve(data ?? env.TENAX_DATA ?? 'data'), dataId }
}

/** An empty variable counts as none. */
function pick(environment: NodeJS.ProcessEnv): Record<string, string> {
  const names = Object.keys(environmentSchema.shape)
  return Object.fromEntries(names.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])))
}

function parseOrThrow<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const name = issue?.path.join('.') ?? ''
  throw new TenaxError(
    'config_invalid',
    `${what} is not valid: ${name === '' ? '' : `${name}: `}${issue?.message ?? ''}`,
  )
}
