/** `tenax runs …` and `tenax events …`: their arguments. */
import type { Command } from 'commander'
import {
  contextOf,
  jsonArgument,
  type ProgramOptions,
  TENANT,
  tenantId,
  timeArgument,
  type WaitArgument,
  waitArgument,
  wholeNumber,
} from '../arguments.ts'
import type { CheckArguments } from './check-command.ts'
import type { SendOptions } from './event-commands.ts'
import type { ListRunsArguments, StartArguments } from './run-commands.ts'
import { addVerbs } from './verb-program.ts'

const RUN = 'id of the run'
const PRIORITY_MAX = 100
const LIST_DEFAULT = 50
const SECONDS_MAX = 31_536_000

/** `--key` is the admin key, wherever it stands. */
type SendFlags = Omit<SendOptions, 'key'> & { readonly for?: string }

type CheckFlags = Pick<CheckArguments, 'workflow' | 'config'>

/** Adds both to `program`. */
export function addRunCommands(program: Command, options: ProgramOptions): void {
  const runs = program.command('runs').description('start, follow and end runs of workflows')
  addList(runs, options)
  addStart(runs, options)
  addResult(runs, options)
  addWatch(runs, options)
  addEnds(runs, options)
  addVerbs(runs, options)
  addRelease(runs, options)
  for (const verb of ['show', 'explain'] as const) {
    onRun(runs, verb, SHOWING[verb]).action(
      async (tenant: string, run: string, _options: unknown, command: Command) => {
        const context = await contextOf(command, options)
        if (verb === 'show') await (await import('./show-command.ts')).showRun(context, { tenant, run })
        else await (await import('./explain-command.ts')).explainRun(context, tenant, run)
      },
    )
  }
  addRecords(runs, options)
  addEvents(program, options)
}

const SHOWING = {
  show: 'show a run and its steps as a timeline',
  explain: 'say what a run waits for, since when, and what would move it',
} as const

function onRun(runs: Command, verb: string, description: string): Command {
  return runs.command(verb).description(description).argument('<tenant>', TENANT, tenantId).argument('<run>', RUN)
}

function addList(runs: Command, options: ProgramOptions): void {
  runs
    .command('list')
    .description('list runs, newest first')
    .argument('<tenant>', TENANT, tenantId)
    .option('--status <status>', 'only those, such as waiting or failed')
    .option('--workflow <name>', 'only those of this workflow')
    .option('--limit <count>', 'at most so many', wholeNumber(1, Number.MAX_SAFE_INTEGER), LIST_DEFAULT)
    .action(async (tenant: string, filter: ListRunsArguments, command: Command) => {
      const { listRuns } = await import('./run-commands.ts')
      await listRuns(await contextOf(command, options), tenant, filter)
    })
}

function addStart(runs: Command, options: ProgramOptions): void {
  runs
    .command('start')
    .description('start a run of a workflow')
    .argument('<tenant>', TENANT, tenantId)
    .argument('<workflow>', 'name of the workflow')
    .argument('[input]', 'its input as JSON', jsonArgument)
    .option('--id <id>', "the run's own id; a second start with it answers the run that is there")
    .option('--idempotency-key <key>', 'a start that is repeated with its key is done once')
    .option('--at <time>', 'not before, such as 2026-12-01T08:00:00Z', timeArgument)
    .option('--priority <number>', 'higher goes first', wholeNumber(-PRIORITY_MAX, PRIORITY_MAX))
    .action(async (tenant: string, workflow: string, input: unknown, given: StartArguments, command: Command) => {
      const { startRun } = await import('./run-commands.ts')
      await startRun(await contextOf(command, options), { ...given, tenant, workflow, input })
    })
}

function addResult(runs: Command, options: ProgramOptions): void {
  onRun(runs, 'result', 'wait for the end of a run, and print its output as JSON')
    .option('--timeout <seconds>', 'give up after so long; default: never', waitArgument(SECONDS_MAX))
    .action(async (tenant: string, run: string, { timeout }: { readonly timeout?: WaitArgument }, command: Command) => {
      const { awaitResult } = await import('./result-command.ts')
      await awaitResult(await contextOf(command, options), { tenant, run, timeoutS: timeout?.seconds })
    })
}

function addWatch(runs: Command, options: ProgramOptions): void {
  onRun(runs, 'watch', 'show what a run does and puts out as it comes, until it has ended').action(
    async (tenant: string, run: string, _options: unknown, command: Command) => {
      const { watchRun } = await import('./watch-command.ts')
      await watchRun(await contextOf(command, options), { tenant, run })
    },
  )
}

function addEnds(runs: Command, options: ProgramOptions): void {
  onRun(runs, 'cancel', 'ask a run to end through its own clean-up').action(
    async (tenant: string, run: string, _options: unknown, command: Command) => {
      const { cancelRun } = await import('./run-commands.ts')
      await cancelRun(await contextOf(command, options), tenant, run)
    },
  )
  onRun(runs, 'terminate', 'end a run where it stands, without clean-up')
    .option('--yes', 'do not ask')
    .action(async (tenant: string, run: string, { yes = false }: { yes?: boolean }, command: Command) => {
      const { terminateRun } = await import('./run-commands.ts')
      await terminateRun(await contextOf(command, options), { tenant, run, isGiven: yes })
    })
}

function addRecords(runs: Command, options: ProgramOptions): void {
  onRun(runs, 'history', 'print the record of a run as JSON, as checkReplay of tenax/testing takes it').action(
    async (tenant: string, run: string, _options: unknown, command: Command) => {
      const { printHistory } = await import('./history-command.ts')
      await printHistory(await contextOf(command, options), tenant, run)
    },
  )
  runs
    .command('check')
    .description('say which runs that have not ended would be blocked by the code; changes nothing')
    .argument('<tenant>', TENANT, tenantId)
    .argument('[run]', 'only this run, ended or not')
    .option('--workflow <name>', 'only those of this workflow')
    .option('--config <file>', 'the code that this tenax.config.ts names, instead of what the server has loaded')
    .action(async (tenant: string, run: string | undefined, given: CheckFlags, command: Command) => {
      const { checkRuns } = await import('./check-command.ts')
      await checkRuns(await contextOf(command, options), { ...given, tenant, run })
    })
}

function addRelease(runs: Command, options: ProgramOptions): void {
  runs
    .command('release')
    .description('let all runs of a tenant go on that an import holds, and try blocked ones again')
    .argument('<tenant>', TENANT, tenantId)
    .action(async (tenant: string, _options: unknown, command: Command) => {
      const { releaseRuns } = await import('./run-commands.ts')
      await releaseRuns(await contextOf(command, options), tenant)
    })
}

function addEvents(program: Command, options: ProgramOptions): void {
  program
    .command('events')
    .description('send events to runs that wait for them')
    .command('send')
    .description('send one event')
    .argument('<tenant>', TENANT, tenantId)
    .argument('<name>', 'name of the event')
    .argument('[payload]', 'its payload as JSON', jsonArgument)
    .option('--for <key>', 'for who waits for this key')
    .option('--run <run>', 'for this run only')
    .option('--id <id>', 'counts once for the tenant')
    .action(async (tenant: string, name: string, payload: unknown, given: SendFlags, command: Command) => {
      const { for: key, ...rest } = given
      const { sendEvent } = await import('./event-commands.ts')
      await sendEvent(await contextOf(command, options), { ...rest, key, tenant, name, payload })
    })
}
