/** Runs a host behind a socket until it is told to stop. */
import type { AddressInfo } from 'node:net'
import { createAdaptorServer, type ServerType } from '@hono/node-server'
import { isTenaxError, messageOf, systemClock, TenaxError } from '@tenax/kernel'
import { type Logger, pino } from 'pino'
import { createTenax, type HostEvent, loadMigrations, type Tenax, takeStrayException, takeStrayRejection } from 'tenax'
import { reloadOnChange } from './development.ts'
import { FreshModules } from './fresh-modules.ts'
import { configPathOf } from './project.ts'
import { readSettings, type ServerArguments, type ServerSettings } from './settings.ts'
import { signalMeaning } from './signal-meaning.ts'

/** How long requests under way may take once the server was told to stop. */
const DRAIN_MS_MAX = 20_000

/** How often `serve` proves a snapshot of its own accord. */
const SCRUB_MS = 3_600_000

/** What to run. `dev` speaks to a person, `serve` to a log. */
export interface RunOptions {
  readonly mode: 'dev' | 'serve'
  readonly argv: ServerArguments
}

/** Serves until SIGTERM or SIGINT; then drains and exits with 0. Throws TenaxError when it cannot start. */
export async function runServer({ mode, argv }: RunOptions): Promise<void> {
  const modules = mode === 'dev' ? new FreshModules() : undefined
  const settings = await readSettings(argv, modules === undefined ? undefined : (path) => modules.load(path))
  const logger = pino({ level: settings.logLevel }, pino.destination({ dest: 2, sync: true }))
  const tenax = await openTenax(settings, { mode, logger, config: configPathOf(argv.config) })
  const server = createAdaptorServer({ fetch: tenax.fetch })
  try {
    await listen(server, settings)
  } catch (error) {
    await tenax.close()
    throw error
  }
  confineWorkflows(logger)
  announce(mode, settings, server)
  if (modules !== undefined) reloadOnChange({ settings, tenax, logger, modules, config: argv.config })
  stopOnSignal({ server, tenax, logger })
}

async function openTenax(
  settings: ServerSettings,
  { mode, logger, config }: { readonly mode: RunOptions['mode']; readonly logger: Logger; readonly config: string },
): Promise<Tenax> {
  const { adminKey, handlesMax, queryTimeoutMs, durability, project, stallKillMs, store, archiveAfterMs } = settings
  const { migrationsPath, workflows, events } = project
  return createTenax({
    data: settings.dataPath,
    ...(adminKey === undefined ? {} : { adminKey }),
    ...(handlesMax === undefined ? {} : { handlesMax }),
    ...(queryTimeoutMs === undefined ? {} : { queryTimeoutMs }),
    ...(durability === undefined ? {} : { durability }),
    ...(store === undefined ? {} : { store }),
    ...(archiveAfterMs === undefined ? {} : { archiveAfterMs }),
    ...scrubbingOf(settings, mode),
    ...(settings.diskBudgetBytes === undefined ? {} : { diskBudgetBytes: settings.diskBudgetBytes }),
    ...(settings.diskFreeBytesMin === undefined ? {} : { diskFreeBytesMin: settings.diskFreeBytesMin }),
    migrations: migrationsPath === undefined ? [] : await loadMigrations(migrationsPath),
    workflows,
    events,
    checksReplay: mode === 'dev',
    ...(stallKillMs === undefined ? {} : { stallKillMs }),
    tellsStderr: true,
    ...(workflows.length === 0 ? {} : { probation: { module: config } }),
    onEvent: (event) => logEvent(logger, event),
    ...(logger.isLevelEnabled('debug') ? { onStoreCall: (call) => logger.debug(call, 'store call') } : {}),
    onError: (error) => logger.error({ err: error }, 'request failed'),
    onFatal(error) {
      logger.fatal({ err: error }, 'the host cannot keep its promises and stops')
      process.kill(process.pid, 'SIGKILL')
    },
  })
}

/** With a store, a server that is no developer's proves one snapshot an hour, unless it is told otherwise. */
function scrubbingOf({ store, scrubEveryMs }: ServerSettings, mode: RunOptions['mode']): { scrubEveryMs?: number } {
  const everyMs = scrubEveryMs ?? (mode === 'serve' && store !== undefined ? SCRUB_MS : 0)
  return everyMs === 0 ? {} : { scrubEveryMs: everyMs }
}

/** What an operator has to look at is louder. */
const EVENT_LEVELS: Partial<Record<HostEvent['type'], 'debug' | 'warn' | 'error'>> = {
  quarantined: 'error',
  set_aside_failed: 'error',
  tenant_stalled: 'error',
  run_blocked: 'warn',
  archive_failed: 'warn',
  archiving_waits: 'warn',
  store_untried: 'warn',
  schedule_failed: 'warn',
  loop_stalled: 'error',
  run_suspected: 'error',
  run_poisoned: 'error',
  take_back_failed: 'error',
  snapshot_damaged: 'error',
  proof_failed: 'warn',
  disk_low: 'error',
  disk_reserve_released: 'error',
  snapshot_proven: 'debug',
}

function logEvent(logger: Logger, event: HostEvent): void {
  const level = EVENT_LEVELS[event.type] ?? 'info'
  if (event.type === 'tenant_stalled') logger.error({ ...event, error: undefined, err: event.error }, event.type)
  else logger[level](event, event.type === 'quarantined' ? 'tenant quarantined' : event.type)
}

function listen(server: ServerType, { port, host }: ServerSettings): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const fail = (error: unknown) => reject(listenFailure(error, `port ${port} of ${host}`))
  server.once('error', fail)
  server.listen(port, host, () => {
    server.off('error', fail)
    resolve()
  })
  return promise
}

function listenFailure(error: unknown, where: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') {
    return new TenaxError('config_invalid', `${where} is in use by another program`, {
      cause: error,
      hint: 'stop that program, or choose another port; --port 0 picks a free one',
    })
  }
  if (code !== 'EACCES' && code !== 'EADDRNOTAVAIL') return error
  return new TenaxError('config_invalid', `this process may not listen on ${where}`, {
    cause: error,
    hint: 'name a port from 1024 on, and an address of this machine',
  })
}

function announce(mode: 'dev' | 'serve', settings: ServerSettings, server: ServerType): void {
  const { port } = server.address() as AddressInfo
  const url = `http://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${port}`
  if (settings.json || mode === 'serve') {
    process.stdout.write(`${JSON.stringify({ event: 'listening', url, port, pid: process.pid })}\n`)
    return
  }
  process.stdout.write(
    [
      '',
      `  Tenax listens on ${url}`,
      '',
      `  create a tenant   curl -X POST ${url}/v1/tenants -H 'content-type: application/json' -d '{"id":"acme"}'`,
      `  ask it            curl ${url}/t/acme/query -H 'content-type: application/json' -d '{"sql":"select 1"}'`,
      `  or connect        createClient({ url: '${url}/t/acme/' })  from @libsql/client`,
      ...settings.project.workflows.map(({ name }) => `  run a workflow    npx tenax runs start acme ${name} '{…}'`),
      '',
    ].join('\n'),
  )
}

/**
 * A rejection that nobody awaits, or an exception out of a callback, ends the run that it came out of. Any other ends the
 * process, as without these listeners.
 */
function confineWorkflows(logger: Logger): void {
  process.on('unhandledRejection', (error) => {
    if (!takeStrayRejection(error)) throw error
    logger.error({ err: loggable(error) }, 'a workflow left a rejected promise that nobody awaits')
  })
  process.on('uncaughtException', (error) => {
    if (!takeStrayException(error)) throw error
    logger.error({ err: loggable(error) }, 'a callback of a workflow threw')
  })
}

/** What was thrown may be a proxy that ends whoever looks at it: then only what can be said of it is logged. */
function loggable(error: unknown): unknown {
  try {
    if (!(error instanceof Error)) return messageOf(error)
    return { type: error.name, message: messageOf(error), stack: String(error.stack) }
  } catch {
    return messageOf(error)
  }
}

/** The first signal drains; a second one, given on purpose, does not wait. */
function stopOnSignal({ server, tenax, logger }: { server: ServerType; tenax: Tenax; logger: Logger }): void {
  const meaningOf = signalMeaning(systemClock)
  const stop = (signal: NodeJS.Signals) => {
    const meaning = meaningOf()
    if (meaning === 'same') return
    if (meaning === 'exit') process.exit(1)
    logger.info({ signal }, 'draining')
    drain(server, tenax).then(
      () => process.exit(0),
      (error: unknown) => {
        // What hears no interrupt is ended with the process; nothing that was acknowledged is lost.
        if (isTenaxError(error, 'unavailable')) process.exit(0)
        logger.error({ err: error, message: messageOf(error), known: isTenaxError(error) }, 'the drain failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

/** No new connections, requests under way end, then the files are closed. */
async function drain(server: ServerType, tenax: Tenax): Promise<void> {
  const closed = Promise.withResolvers<void>()
  server.close(() => closed.resolve())
  tenax.endWaits()
  if ('closeIdleConnections' in server) server.closeIdleConnections()
  const timer = systemClock.after(DRAIN_MS_MAX, () => {
    if ('closeAllConnections' in server) server.closeAllConnections()
  })
  await closed.promise
  timer.cancel()
  await tenax.close()
}
