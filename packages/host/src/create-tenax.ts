/** `createTenax()`: one host in the caller's process. */
import type { BlobStore } from '@tenax/blobstore'
import { Workflows, type WorkflowsOptions } from '@tenax/engine'
import {
  type DurabilityClass,
  InvariantError,
  parseTenantId,
  type SqlArgs,
  type SqlResult,
  type SqlValue,
  type TenantId,
  TenaxError,
} from '@tenax/kernel'
import {
  type DurabilityReport,
  type DurabilityWait,
  Gate,
  reportDurability,
  systemRandomId,
  Tenancy,
} from '@tenax/tenancy'
import { type EmbeddedEvents, type EmbeddedRuns, embeddedWorkflows } from './embedded-runs.ts'
import { type EmbeddedSchedules, embeddedSchedules } from './embedded-schedules.ts'
import { createApp } from './http/app.ts'
import type { HostParts } from './http/environment.ts'
import { hostFailed } from './http/failure.ts'
import { bindingsOf } from './http/query-route.ts'
import { openJobs } from './jobs/open-jobs.ts'
import { JSON_BODIES_BYTES_MAX } from './limits.ts'
import { beginLiveness, type Liveness, lastEndOf } from './liveness.ts'
import { createMetrics } from './metrics.ts'
import { eventsOf, type HostSettings, readOptions, type TenaxOptions, workflowsOf } from './options.ts'
import { Probation } from './probation/probation.ts'
import { ResultWaits } from './result-waits.ts'
import { openStore } from './store.ts'
import { type MeteredStore, meterStore } from './store-metrics.ts'
import { Streams } from './streams.ts'

/** Options of {@link EmbeddedTenant.query}. */
export interface QueryOptions {
  /** Raises the tenant's class for this answer; a lower one is ignored. */
  readonly durability?: DurabilityClass
}

/** One tenant, spoken to in-process. */
export interface EmbeddedTenant {
  /** Creates the tenant. Throws TenaxError `tenant_exists`. */
  create(options?: { readonly durability?: DurabilityClass }): Promise<void>
  /** Runs one statement as a transaction of its own. Whole numbers within 2^53 bind as INTEGER, like over `/query`. */
  query(sql: string, args?: SqlArgs, options?: QueryOptions): Promise<SqlResult>
  /** How far the tenant's commits are; with `wait`, once one of them has its class. */
  durability(wait?: DurabilityWait): Promise<DurabilityReport>
  /** Its workflow runs. */
  readonly runs: EmbeddedRuns
  /** What its runs wait for. */
  readonly events: EmbeddedEvents
  /** Runs that start by the clock. */
  readonly schedules: EmbeddedSchedules
}

/** A running host. */
export interface Tenax extends AsyncDisposable {
  /** The HTTP face, for any server that speaks Fetch. */
  readonly fetch: (request: Request) => Promise<Response>
  /** One tenant. Throws TenaxError `tenant_id_invalid`, `tenant_id_reserved`. */
  tenant(id: string): EmbeddedTenant
  /**
   * Takes these definitions in place of all that were loaded: for who works on them. Runs in memory begin again from their
   * record with the new code, as behind a crash, so steps in flight are aborted and run again. Blocked runs are tried again.
   *
   * @throws TenaxError `config_invalid`; then nothing has changed
   */
  reload(definitions: Pick<TenaxOptions, 'workflows' | 'events'>): void
  /** Answers requests that wait for the end of a run with what there is: for a server that begins to drain. */
  endWaits(): void
  /**
   * Ends requests, lets commits of workflows end, checkpoints and closes every file, and lets the data directory go. Throws TenaxError `unavailable` when
   * something is still in use after 15 s; the directory stays locked then, nothing is lost, and `close` may be called again.
   */
  close(): Promise<void>
}

/**
 * Opens a data directory and serves its tenants. Installs no signal handler, reads no environment, never exits the
 * process, unless the host cannot keep its promises any more: then `onFatal`.
 *
 * @throws TenaxError `data_in_use`, `data_format_newer`, `data_format_invalid`, `config_invalid`
 * @example
 * await using tenax = await createTenax({ data: './data' })
 * await tenax.tenant('acme').create()
 * const { rows } = await tenax.tenant('acme').query('select 1')
 */
export async function createTenax(options: TenaxOptions): Promise<Tenax> {
  const settings = readOptions(options)
  const { driver, clock, onEvent, ledgerFiles } = settings
  let state: 'serving' | 'closing' | 'failed' = 'serving'
  const fail = (error: unknown) => {
    if (state === 'failed') return
    state = 'failed'
    settings.onFatal(error)
  }
  const components = {
    ...{ driver, clock, onEvent, randomId: systemRandomId, pid: process.pid, onFatal: fail },
    ...(ledgerFiles === undefined ? {} : { ledgerFiles }),
    onTenant: (id: TenantId) => workflows?.tenantChanged(id),
  }
  let workflows: Workflows | undefined
  const metered = await openMetered(settings)
  const store = metered?.store
  const tenancy = await Tenancy.open(settings.tenancy, { ...components, ...(store && { store }) })
  const lastEnd = lastEndOf(settings, tenancy.epochs)
  const liveness = beginLiveness(settings, tenancy.epochs.own)
  const probation = settings.probation === undefined ? undefined : new Probation(settings, settings.probation)
  workflows = await openWorkflows(tenancy, settings, { lastEnd, probation }).catch(async (error: unknown) => {
    await liveness.stop()
    throw error
  })
  probation?.begin({ tenancy, workflows })
  const streams = new Streams({ clock, onError: settings.onError })
  const waits = new ResultWaits()
  const jobs = openJobs(tenancy, settings, fail)
  const parts: HostParts = {
    tenancy,
    streams,
    workflows,
    waits,
    jobs,
    settings,
    metrics: createMetrics(tenancy, streams, metered),
    bodies: { bytesLeft: JSON_BODIES_BYTES_MAX },
    isServing: () => state === 'serving',
    hasFailed: () => state === 'failed',
    fail,
  }
  const app = createApp(parts)
  let closed: Promise<void> | undefined
  const close = () => {
    if (state === 'failed') return Promise.resolve() // nothing may reach the engine's close
    state = 'closing'
    closed ??= closeAll(parts, { liveness, probation, store }).catch((error: unknown) => {
      closed = undefined // whoever calls again tries again
      throw error
    })
    return closed
  }
  return {
    fetch: async (request) => app.fetch(request),
    tenant: (id) => embeddedTenant(parts, id),
    reload: ({ workflows: given = [], events = [] }) =>
      workflows.reload({ workflows: workflowsOf(given), events: eventsOf(events) }),
    endWaits: () => waits.end(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** The store that the settings name, counted. */
async function openMetered({ store, clock, onStoreCall: onCall }: HostSettings): Promise<MeteredStore | undefined> {
  return store === undefined ? undefined : meterStore(await openStore(store, clock), { clock, onCall })
}

/** The engine above `tenancy`, which is closed again when its workflows cannot be taken. */
async function openWorkflows(
  tenancy: Tenancy,
  settings: HostSettings,
  about: Pick<WorkflowsOptions, 'lastEnd' | 'probation'>,
): Promise<Workflows> {
  const { clock, workflows, events, checksReplay, onEvent } = settings
  const loaded = { workflows, events, checksReplay }
  try {
    return Workflows.create({ tenancy, clock, randomId: systemRandomId, ...loaded, onEvent, ...about })
  } catch (error) {
    await tenancy.close()
    throw error
  }
}

async function closeAll(
  { streams, waits, jobs, workflows, tenancy }: HostParts,
  { liveness, probation, store }: Beside,
): Promise<void> {
  waits.end()
  await jobs.close()
  await probation?.close()
  await streams.close()
  await workflows.close()
  await liveness.stop()
  await tenancy.close()
  await store?.close()
}

/** What a host has beside its tenants and their workflows. */
interface Beside {
  readonly liveness: Liveness
  readonly probation: Probation | undefined
  readonly store: BlobStore | undefined
}

function embeddedTenant(parts: HostParts, text: string): EmbeddedTenant {
  const { tenancy, settings, isServing, hasFailed, fail } = parts
  const id = parseTenantId(text)
  const whileServing = async <T>(body: () => Promise<T>): Promise<T> => {
    if (!isServing()) throw new TenaxError('unavailable', 'the host is stopping')
    try {
      const result = await body()
      if (hasFailed()) throw hostFailed()
      return result
    } catch (error) {
      if (error instanceof InvariantError) fail(error)
      throw error
    }
  }
  return {
    create: (options) => whileServing(async () => void (await tenancy.create(id, options))),
    durability: (wait) => whileServing(() => reportDurability({ tenancy, clock: settings.clock }, id, wait)),
    query: (sql, args = [], { durability = 'relaxed' } = {}) =>
      whileServing(() => {
        const gate = new Gate(tenancy.classes.promised(durability))
        return tenancy.use(id, (handle) => handle.execute(sql, bindingsOf(naturally(args)), gate))
      }),
    ...embeddedWorkflows(parts.workflows, id, whileServing),
    schedules: embeddedSchedules(parts.workflows, id, whileServing),
  }
}

/** Whole numbers as JavaScript writes them are INTEGERs; a REAL that is whole compares equal in SQL all the same. */
function naturally(args: SqlArgs): SqlArgs {
  const natural = (value: SqlValue): SqlValue =>
    typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
  if (Array.isArray(args)) return args.map(natural)
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name, natural(value)]))
}
