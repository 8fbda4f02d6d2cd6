/** The server's settings: defaults, then environment, then arguments. Nothing else in the server reads the environment. */
import { existsSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DURABILITY_CLASSES, type DurabilityClass, messageOf, TenaxError } from '@tenax/kernel'
import { loadWorkflows, type TenaxOptions } from 'tenax'
import { z } from 'zod'

/** What the command line gives. Undefined means: not given. */
export interface ServerArguments {
  readonly port?: number | undefined
  readonly host?: string | undefined
  readonly data?: string | undefined
  readonly config?: string | undefined
  readonly json?: boolean | undefined
  readonly handles?: number | undefined
  readonly durability?: string | undefined
}

/** Settings of one server, complete and checked. */
export interface ServerSettings {
  /** 0 picks a free one. */
  readonly port: number
  readonly host: string
  readonly dataPath: string
  readonly adminKey: string | undefined
  readonly migrationsPath: string | undefined
  readonly workflows: NonNullable<TenaxOptions['workflows']>
  readonly handlesMax: number | undefined
  readonly queryTimeoutMs: number | undefined
  readonly durability: DurabilityClass | undefined
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
  TENAX_DURABILITY: durabilitySchema.optional(),
  TENAX_LOG: z.enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug']).optional(),
})
const configSchema = z.strictObject({
  migrations: z.string().min(1).optional(),
  workflows: z.array(z.unknown()).optional(),
})

/**
 * @throws TenaxError `config_invalid` naming what is wrong; `admin_key_required` for a public address without a key
 */
export async function readSettings(
  argv: ServerArguments,
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
  const port = parseOrThrow(portSchema, argv.port ?? env.TENAX_PORT ?? DEFAULT_PORT, 'the port')
  return {
    port,
    host,
    dataPath: resolve(argv.data ?? env.TENAX_DATA ?? 'data'),
    adminKey: env.TENAX_ADMIN_KEY,
    ...(await readConfig(argv.config)),
    handlesMax: argv.handles ?? env.TENAX_HANDLES,
    queryTimeoutMs: env.TENAX_QUERY_TIMEOUT_MS,
    durability: parseOrThrow(durabilitySchema.optional(), argv.durability ?? env.TENAX_DURABILITY, 'the durability'),
    json: argv.json === true || port === 0,
    logLevel: env.TENAX_LOG ?? 'info',
  }
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

type Configured = Pick<ServerSettings, 'migrationsPath' | 'workflows'>

/** What `tenax.config.ts` names, relative to it. A named file must be there; the usual one may be absent. */
async function readConfig(named: string | undefined): Promise<Configured> {
  const path = resolve(named ?? 'tenax.config.ts')
  if (!existsSync(path)) {
    if (named === undefined) return { migrationsPath: undefined, workflows: [] }
    throw new TenaxError('config_invalid', `the configuration file ${basename(path)} is not there`)
  }
  const name = basename(path)
  const module: unknown = await import(pathToFileURL(path).href).catch((error: unknown) => {
    throw new TenaxError('config_invalid', `${name} cannot be loaded: ${messageOf(error)}`, { cause: error })
  })
  const config = typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined
  if (config === undefined) {
    throw new TenaxError('config_invalid', `${name} has no default export`, { hint: 'export default defineConfig({})' })
  }
  const { migrations, workflows = [] } = parseOrThrow(configSchema, config, name)
  return {
    migrationsPath: migrations === undefined ? undefined : resolve(dirname(path), migrations),
    workflows: await loadWorkflows(workflows, dirname(path)),
  }
}
