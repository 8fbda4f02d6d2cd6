/** The commands and options of `tenax`. Whatever is slow to load is loaded by the command that needs it. */
import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { systemClock } from '@tenax/kernel'
import { type Command, createCommand } from 'commander'
import {
  appendTo,
  contextOf,
  type GlobalOptions,
  type ProgramOptions,
  TENANT,
  tenantId,
  wholeNumber,
} from './arguments.ts'
import { addRunCommands } from './runs/run-program.ts'
import { addScheduleCommands } from './schedules/schedule-program.ts'
import type { ServeOptions } from './serve-command.ts'
import { BOUND_VALUE_HELP, parseBoundValue } from './sql/bound-value.ts'
import { addVerifyCommand } from './verify/verify-program.ts'

const PORT_MAX = 65_535
const HANDLES_MAX = 1_000_000
const SECONDS_MAX = 31_536_000
const DISK_MIB_MAX = 1_073_741_824

/** The whole program. Parsing throws CommanderError for a command line that makes no sense, and for `--help`. */
export function buildProgram(options: ProgramOptions): Command {
  const { io, settings } = options
  const program = createCommand('tenax')
    .description('A SQLite database per tenant, behind one service.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => options.json || io.stderr.write(text),
      outputError: () => undefined,
    })
    .configureHelp({ showGlobalOptions: true })
    .version(readVersion())
    .option('--url <url>', 'the server, or TENAX_URL', settings.url)
    .option('--key <key>', 'its admin key; better TENAX_ADMIN_KEY, which other users of the machine do not see')
    .option('--json', 'JSON on stdout, and a failure as one JSON object on stderr')
  addServeCommands(program)
  addTenantCommands(program, options)
  addSqlCommand(program, options)
  addRunCommands(program, options)
  addScheduleCommands(program, options)
  addTransferCommands(program, options)
  addVerifyCommand(program, options)
  addDoctorCommand(program, options)
  addLedgerCommands(program, options)
  addRecoverCommand(program, options)
  return program
}

function readVersion(): string {
  const path = findPackageJSON('..', import.meta.url)
  const manifest: unknown = path === undefined ? undefined : JSON.parse(readFileSync(path, 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '0.0.0'
}

function addServeCommands(program: Command): void {
  const modes = { dev: 'run a server for development', serve: 'run a server' } as const
  for (const mode of ['dev', 'serve'] as const) {
    program
      .command(mode)
      .description(modes[mode])
      .option('--port <port>', 'port to listen on; 0 picks one', wholeNumber(0, PORT_MAX))
      .option('--host <host>', 'address to listen on')
      .option('--data <directory>', 'directory of the data')
      .option('--config <file>', 'tenax.config.ts of the project')
      .option('--handles <count>', 'size of the pool of open tenant files', wholeNumber(1, HANDLES_MAX))
      .option('--store <place>', 'object storage: a directory, or s3://bucket/prefix')
      .option(
        '--archive-after <seconds>',
        'put tenants there that nobody used for so long',
        wholeNumber(1, SECONDS_MAX),
      )
      .option(
        '--scrub-every <seconds>',
        'prove so often that a snapshot can be restored; 0 never',
        wholeNumber(0, SECONDS_MAX),
      )
      .option(
        '--disk-budget <mib>',
        "MiB of tenants' files above which the longest idle go to the store",
        wholeNumber(1, DISK_MIB_MAX),
      )
      .option('--disk-free-min <mib>', 'MiB of the disk that stay free of writes; 0 none', wholeNumber(0, DISK_MIB_MAX))
      .option('--durability <class>', 'when writes are acknowledged, unless a tenant says: relaxed or local')
      .action(async (_options: ServeOptions, command: Command) => {
        const {
          port,
          host,
          data,
          config,
          handles,
          durability,
          json,
          store,
          archiveAfter,
          scrubEvery,
          diskFreeMin,
          diskBudget,
        } = command.optsWithGlobals<ServeOptions>()
        const { serve } = await import('./serve-command.ts')
        await serve(mode, {
          ...(port === undefined ? {} : { port }),
          ...(host === undefined ? {} : { host }),
          ...(data === undefined ? {} : { data }),
          ...(config === undefined ? {} : { config }),
          ...(handles === undefined ? {} : { handles }),
          ...(durability === undefined ? {} : { durability }),
          ...(json === undefined ? {} : { json }),
          ...(store === undefined ? {} : { store }),
          ...(archiveAfter === undefined ? {} : { archiveAfter }),
          ...(scrubEvery === undefined ? {} : { scrubEvery }),
          ...(diskFreeMin === undefined ? {} : { diskFreeMin }),
          ...(diskBudget === undefined ? {} : { diskBudget }),
        })
      })
  }
}

function addTenantCommands(program: Command, options: ProgramOptions): void {
  const tenants = program.command('tenants').description('create, list and operate tenants')
  tenants
    .command('list')
    .description('list tenants, sorted by id')
    .option('--state <state>', 'only those in this state, such as warm or suspended')
    .option('--prefix <prefix>', 'only those whose id begins so')
    .option('--limit <count>', 'at most so many', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .action(async (filter: { state?: string; prefix?: string; limit?: number }, command: Command) => {
      const { listTenants } = await import('./tenant-commands.ts')
      await listTenants(await contextOf(command, options), filter)
    })
  tenants
    .command('delete')
    .description('delete a tenant and all its data')
    .argument('<tenant>', TENANT, tenantId)
    .option('--yes', 'do not ask')
    .action(async (id: string, { yes = false }: { yes?: boolean }, command: Command) => {
      const { deleteTenant } = await import('./tenant-commands.ts')
      await deleteTenant(await contextOf(command, options), id, { isGiven: yes })
    })
  addSnapshotCommands(tenants, options)
  for (const verb of ['create', 'show', 'suspend', 'resume', 'archive', 'hydrate'] as const) {
    tenants
      .command(verb)
      .description(TENANT_VERBS[verb])
      .argument('<tenant>', TENANT, tenantId)
      .action(async (id: string, _options: unknown, command: Command) => {
        const commands = await import('./tenant-commands.ts')
        await commands[`${verb}Tenant`](await contextOf(command, options), id)
      })
  }
}

function addSnapshotCommands(tenants: Command, options: ProgramOptions): void {
  tenants
    .command('snapshots')
    .description('list the snapshots of a tenant in object storage, newest first')
    .argument('<tenant>', TENANT, tenantId)
    .action(async (id: string, _options: unknown, command: Command) => {
      const { listSnapshots } = await import('./tenant-commands.ts')
      await listSnapshots(await contextOf(command, options), id)
    })
  tenants
    .command('fork')
    .description('make a new tenant of what a tenant has now, or had at a snapshot')
    .argument('<tenant>', TENANT, tenantId)
    .argument('<copy>', 'id of the new tenant', tenantId)
    .option(
      '--manifest <number>',
      'number of a snapshot, see tenants snapshots',
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    )
    .action(async (id: string, to: string, { manifest }: { manifest?: number }, command: Command) => {
      const { forkTenant } = await import('./tenant-commands.ts')
      await forkTenant(await contextOf(command, options), { id, to, manifest })
    })
  tenants
    .command('restore')
    .description('make a tenant what it was at a snapshot; what it is now becomes one')
    .argument('<tenant>', TENANT, tenantId)
    .requiredOption(
      '--manifest <number>',
      'number of a snapshot, see tenants snapshots',
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    )
    .option('--yes', 'do not ask')
    .action(async (id: string, { manifest, yes = false }: { manifest: number; yes?: boolean }, command: Command) => {
      const { restoreTenant } = await import('./tenant-commands.ts')
      await restoreTenant(await contextOf(command, options), { id, manifest, isGiven: yes })
    })
}

const TENANT_VERBS = {
  create: 'create an empty tenant',
  show: 'show a tenant and the numbers of its file',
  suspend: "refuse a tenant's requests until it is resumed",
  resume: 'take requests of a suspended tenant again',
  archive: 'put a tenant into object storage, and remove its local file',
  hydrate: 'bring an archived tenant back, as its next use would',
} as const

function addSqlCommand(program: Command, options: ProgramOptions): void {
  program
    .command('sql')
    .description("run SQL on a tenant's database: a statement, a script on stdin, or a shell")
    .argument('<tenant>', TENANT, tenantId)
    .argument('[statement]', 'one or several statements; also .tables and .schema [table]')
    .option('--arg <value>', 'bind to the next ?, see below; repeat it for more', appendTo)
    .addHelpText('after', `\n--arg: ${BOUND_VALUE_HELP}`)
    .action(
      async (
        tenantIdText: string,
        statement: string | undefined,
        { arg = [] }: { arg?: string[] },
        command: Command,
      ) => {
        const args = arg.map(parseBoundValue)
        const context = await contextOf(command, options)
        const { runSql } = await import('./sql-command.ts')
        const { historyFile } = options.settings
        await runSql(context, { tenantId: tenantIdText, statement, args, historyFile })
      },
    )
}

function addTransferCommands(program: Command, options: ProgramOptions): void {
  program
    .command('export')
    .description("write a consistent copy of a tenant's database")
    .argument('<tenant>', TENANT, tenantId)
    .argument('[file]', 'where to; - is stdout, default <tenant>.sqlite')
    .option('--force', 'replace a file that is there')
    .option('--move', 'suspend the tenant and hold its workflows first: its runs go on in the copy only')
    .action(
      async (
        id: string,
        file: string | undefined,
        { force = false, move }: { force?: boolean; move?: boolean },
        command: Command,
      ) => {
        const { exportTenant } = await import('./transfer/export-command.ts')
        await exportTenant(await contextOf(command, options), { tenantId: id, file, force, move })
      },
    )
  program
    .command('import')
    .description('create a tenant from a SQLite file, or replace all that a tenant holds')
    .argument('<tenant>', TENANT, tenantId)
    .argument('<file>', 'the SQLite file; - is stdin')
    .option('--yes', 'replace a tenant that is there without asking')
    .option('--release', 'let its workflows go on here at once, as behind export --move')
    .action(
      async (
        id: string,
        file: string,
        { yes = false, release }: { yes?: boolean; release?: boolean },
        command: Command,
      ) => {
        const { importTenant } = await import('./transfer/import-command.ts')
        await importTenant(await contextOf(command, options), { tenantId: id, file, yes, release })
      },
    )
}

function addDoctorCommand(program: Command, options: ProgramOptions): void {
  program
    .command('doctor')
    .description('check this machine, the data directory and the server')
    .option('--data <directory>', 'directory of the data, or TENAX_DATA', options.settings.dataDir)
    .option('--handles <count>', "size of the server's pool of handles, or TENAX_HANDLES", wholeNumber(1, HANDLES_MAX))
    .action(async ({ data, handles }: { data: string; handles?: number }, command: Command) => {
      const { runDoctor, HANDLES_DEFAULT, pauseThread } = await import('./doctor-command.ts')
      await runDoctor(await contextOf(command, options), {
        url: command.optsWithGlobals<GlobalOptions>().url,
        dataDir: data,
        handleCount: handles ?? options.settings.handleCount ?? HANDLES_DEFAULT,
        nodeVersion: process.versions.node,
        clock: systemClock,
        pause: pauseThread,
        loadEngine: () => import('tenax'),
      })
    })
}

function addLedgerCommands(program: Command, { io, settings }: ProgramOptions): void {
  const ledger = program.command('ledger').description('look into the ledgers of a data directory, beside a server too')
  const contextFor = (command: Command) => ({ io, json: command.optsWithGlobals<GlobalOptions>().json ?? false })
  const reading = (name: string, description: string) =>
    ledger
      .command(name)
      .description(description)
      .option('--data <directory>', 'directory of the data, or TENAX_DATA', settings.dataDir)
      .option('--dir <directory>', 'a ledger, or a directory of ledgers such as a quarantine directory, instead')
  reading('inspect', 'list what the ledgers hold')
    .option('--tenant <tenant>', 'only this tenant: its id, or an incarnation')
    .option('--limit <count>', 'at most so many records, oldest first', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .action(async ({ data, dir, tenant, limit }: InspectArguments, command: Command) => {
      const { inspectLedgers } = await import('./ledger/inspect-command.ts')
      await inspectLedgers(contextFor(command), { dataDir: data, directory: dir, tenant, limit })
    })
  reading('verify', 'read every byte of the ledgers, and name the first that is wrong').action(
    async ({ data, dir }: InspectArguments, command: Command) => {
      const { verifyLedgers } = await import('./ledger/verify-command.ts')
      await verifyLedgers(contextFor(command), { dataDir: data, directory: dir })
    },
  )
}

function addRecoverCommand(program: Command, { io }: ProgramOptions): void {
  program
    .command('recover')
    .description('make a lost data directory anew from object storage, into an empty one')
    .requiredOption('--from <store>', 'where the lost server had its store: a directory, or s3://bucket/prefix')
    .option('--data <directory>', 'the empty directory, or TENAX_DATA')
    .option('--data-id <id>', 'which data directory, if the store has several')
    .action(async (argv: { from: string; data?: string; dataId?: string }, command: Command) => {
      const { recover } = await import('./recover-command.ts')
      await recover({ io, json: command.optsWithGlobals<GlobalOptions>().json ?? false }, argv)
    })
}

interface InspectArguments {
  readonly data: string
  readonly dir?: string
  readonly tenant?: string
  readonly limit?: number
}
