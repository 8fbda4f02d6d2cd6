/** `tenax schedules …`: its arguments. */
import { type Command, InvalidArgumentError } from 'commander'
import { contextOf, jsonArgument, type ProgramOptions, TENANT, tenantId, wholeNumber } from '../arguments.ts'
import type { DurationArgument, PutArguments } from './schedule-commands.ts'

const SCHEDULE = 'id of the schedule'
const CATCH_UP_MAX = 100

/** Adds it to `program`. */
export function addScheduleCommands(program: Command, options: ProgramOptions): void {
  const schedules = program.command('schedules').description('start runs of workflows by the clock')
  schedules
    .command('list')
    .description('list the schedules of a tenant and their next firings')
    .argument('<tenant>', TENANT, tenantId)
    .action(async (tenant: string, _options: unknown, command: Command) => {
      const { listSchedules } = await import('./schedule-commands.ts')
      await listSchedules(await contextOf(command, options), tenant)
    })
  addPut(schedules, options)
  addVerbs(schedules, options)
}

function addPut(schedules: Command, options: ProgramOptions): void {
  onSchedule(schedules, 'put', 'make a schedule, or change it: with --cron or --every')
    .argument('<workflow>', 'name of the workflow')
    .argument('[input]', 'what each of its runs gets, as JSON', jsonArgument)
    .option('--cron <expression>', "five fields, such as '30 2 * * MON-FRI', or a nickname such as @daily")
    .option('--time-zone <name>', 'of --cron, such as Europe/Berlin; default: UTC')
    .option('--every <duration>', 'an interval, such as 15m or 12h', durationArgument)
    .option('--overlap <policy>', 'while the run before has not ended: skip or allow; default: skip')
    .option(
      '--catch-up <count>',
      'make up for so many missed firings, above 1 with --overlap allow; default: 1',
      wholeNumber(0, CATCH_UP_MAX),
    )
    .option('--spread <duration>', "fire later by the schedule's own share of so much, such as 10m", durationArgument)
    .action(
      async (
        ...[tenant, id, workflow, input, given, command]: [string, string, string, unknown, PutArguments, Command]
      ) => {
        const { putSchedule } = await import('./schedule-commands.ts')
        await putSchedule(await contextOf(command, options), { ...given, tenant, id, workflow, input })
      },
    )
}

const VERBS = {
  show: 'show a schedule, its last and its next firing',
  pause: 'start nothing by its time until it is resumed',
  resume: 'go on with the next of its times',
  trigger: 'start a run of it now',
  delete: 'delete a schedule; its runs stay',
} as const

/** A verb of one schedule. */
export type ScheduleVerb = keyof typeof VERBS

function addVerbs(schedules: Command, options: ProgramOptions): void {
  for (const verb of ['show', 'pause', 'resume', 'trigger', 'delete'] as const) {
    onSchedule(schedules, verb, VERBS[verb]).action(
      async (tenant: string, id: string, _options: unknown, command: Command) => {
        const { SCHEDULE_VERBS } = await import('./schedule-commands.ts')
        await SCHEDULE_VERBS[verb](await contextOf(command, options), tenant, id)
      },
    )
  }
}

function onSchedule(schedules: Command, verb: string, description: string): Command {
  return schedules
    .command(verb)
    .description(description)
    .argument('<tenant>', TENANT, tenantId)
    .argument('<schedule>', SCHEDULE)
}

function durationArgument(text: string): DurationArgument {
  if (/^\d+(?:\.\d+)?(?:ms|s|m|h|d|w)$/.test(text)) return text as DurationArgument // which is what this says
  throw new InvalidArgumentError('It must be a number with a unit: ms, s, m, h, d or w.')
}
