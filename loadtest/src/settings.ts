/** Settings of the load driver, the bench and the profiler: defaults, then arguments. Only here is the environment read. */
import { parseArgs } from 'node:util'
import type { S3Settings } from '@tenax/blobstore'

/** Settings of the bench. */
export interface BenchSettings {
  /** Fewer rounds, shorter slices, fewer tenants: 40 s instead of 3 minutes. */
  readonly quick: boolean
  /** Write the report to `results/`. */
  readonly save: boolean
}

/** Settings of the load driver. */
export interface LoadSettings {
  /** A server that runs already; undefined starts one. */
  readonly url: string | undefined
  readonly adminKey: string | undefined
  readonly tenantCount: number
  readonly handlesMax: number
  /** Requests in flight. */
  readonly inFlight: number
  readonly durationMs: number
  readonly seed: number
  /** What carries the raw requests. */
  readonly transport: 'http' | 'fetch'
}

/** Settings of the profiler. */
export interface ProfileSettings {
  readonly kind: string
  readonly inFlight: number
  /** Requests in flight while the server warms up: what it learns of a statement then may decide how it runs later. */
  readonly warmUpInFlight: number
  readonly durationMs: number
  /** Where the profile is kept; undefined: nowhere. */
  readonly outPath: string | undefined
}

/** Longest run of the load driver that it lets itself be talked into. */
const LOAD_SECONDS_MAX = 3_600

/** The environment of a child, with `extra` on top. */
export function childEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, TENAX_LOG: 'warn', ...extra }
}

/** Throws when an argument makes no sense. */
export function readBenchSettings(argv: readonly string[]): BenchSettings {
  const { values } = parseArgs({
    args: [...argv],
    options: { quick: { type: 'boolean', default: false }, save: { type: 'boolean', default: false } },
  })
  return { quick: values.quick, save: values.save }
}

/** Throws when an argument makes no sense. */
export function readLoadSettings(argv: readonly string[]): LoadSettings {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      url: { type: 'string' },
      tenants: { type: 'string', default: '1000' },
      handles: { type: 'string', default: '100' },
      concurrency: { type: 'string', default: '32' },
      seconds: { type: 'string', default: '15' },
      seed: { type: 'string', default: '1' },
      transport: { type: 'string', default: 'http' },
    },
  })
  const { transport } = values
  if (transport !== 'http' && transport !== 'fetch') throw new Error('--transport is http or fetch')
  return {
    url: values.url,
    adminKey: process.env['TENAX_ADMIN_KEY'] || undefined,
    tenantCount: countOf('tenants', values.tenants, 100_000),
    handlesMax: countOf('handles', values.handles, 100_000),
    inFlight: countOf('concurrency', values.concurrency, 1_000),
    durationMs: countOf('seconds', values.seconds, LOAD_SECONDS_MAX) * 1000,
    seed: countOf('seed', values.seed, 0xffff_ffff),
    transport,
  }
}

/** Throws when an argument makes no sense. */
export function readProfileSettings(argv: readonly string[]): ProfileSettings {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      kind: { type: 'string', default: 'read-query' },
      concurrency: { type: 'string', default: '64' },
      'warm-up': { type: 'string' },
      seconds: { type: 'string', default: '8' },
      out: { type: 'string' },
    },
  })
  return {
    kind: values.kind,
    inFlight: countOf('concurrency', values.concurrency, 1_000),
    warmUpInFlight: countOf('warm-up', values['warm-up'] ?? values.concurrency, 1_000),
    durationMs: countOf('seconds', values.seconds, 600) * 1000,
    outPath: values.out,
  }
}

function countOf(name: string, text: string, max: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  throw new Error(`--${name} must be a whole number from 1 to ${max}`)
}

/** The S3 server and bucket that the environment names for a bench; undefined when it names none. */
export function readS3Environment(): S3Settings | undefined {
  const {
    TENAX_TEST_S3_ENDPOINT: endpoint,
    TENAX_TEST_S3_ACCESS_KEY: accessKeyId,
    TENAX_TEST_S3_SECRET_KEY: secretAccessKey,
    TENAX_BENCH_S3_BUCKET: bucket,
  } = process.env
  if (endpoint === undefined || accessKeyId === undefined || secretAccessKey === undefined || bucket === undefined)
    return undefined
  return { endpoint, accessKeyId, secretAccessKey, bucket, region: 'us-east-1' }
}
