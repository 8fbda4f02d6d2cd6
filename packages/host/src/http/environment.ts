/** What routes work with, and the types of Hono's context in this app. */
import type { Workflows } from '@tenax/engine'
import type { Gate, Tenancy } from '@tenax/tenancy'
import type { Context } from 'hono'
import type { Jobs } from '../jobs/jobs.ts'
import type { Metrics } from '../metrics.ts'
import type { HostSettings } from '../options.ts'
import type { ResultWaits } from '../result-waits.ts'
import type { ByteBudget } from '../stored-texts.ts'
import type { Streams } from '../streams.ts'

/** The parts of a host that its routes use. */
export interface HostParts {
  readonly tenancy: Tenancy
  readonly streams: Streams
  readonly workflows: Workflows
  readonly waits: ResultWaits
  readonly settings: HostSettings
  readonly metrics: Metrics
  readonly jobs: Jobs
  /** What JSON bodies that are being read may still take. */
  readonly bodies: ByteBudget
  /** False once the host is closing or has failed: everything but `/healthz` is refused then. */
  readonly isServing: () => boolean
  /** True once the host cannot keep its promises any more: nothing is acknowledged from then on. */
  readonly hasFailed: () => boolean
  readonly fail: (error: unknown) => void
}

/**
 * Variables of a request. `principal` is who it comes from, once the guard has let it in; `gate` is there on a tenant's own
 * routes.
 */
export interface AppEnvironment {
  Variables: { principal: string; gate: Gate }
}

/** A request in this app. */
export type AppContext = Context<AppEnvironment>
