/** `tenax schedules …`: what its commands do. */
import type { Schedule, ScheduleDetail, ScheduleTimes } from '@tenax/client'
import { CliError } from '../failure.ts'
import { type CommandContext, print, printJson } from '../io.ts'
import { escapeControls, formatTable } from '../table.ts'
import type { ScheduleVerb } from './schedule-program.ts'

/** A length of time as it was written, such as `15m`. */
export type DurationArgument = NonNullable<ScheduleTimes['every']>

/** Options of `schedules put`. */
export interface PutArguments {
  readonly cron?: string
  readonly timeZone?: string
  readonly every?: DurationArgument
  readonly overlap?: string
  readonly catchUp?: number
  readonly spread?: DurationArgument
}

/** `schedules list`. */
export async function listSchedules(context: CommandContext, tenant: string): Promise<void> {
  const schedules = await context.client.tenant(tenant).schedules.list()
  if (context.json) {
    printJson(context.io, { schedules })
    return
  }
  const columns = ['id', 'workflow', 'times', 'state', 'next', 'last run'].map((title) => ({ title }))
  const rows = schedules.map((one) => [
    ...[one.id, one.workflow, timesOf(one), stateOf(one)],
    ...[one.dueAt ?? '', one.lastRun ?? ''],
  ])
  for (const line of formatTable(columns, rows)) print(context.io, line)
}

function timesOf({ cron, timeZone, everyMs }: Schedule): string {
  return cron === null ? `every ${everyMs} ms` : `${cron} (${timeZone})`
}

function stateOf({ blockedReason, pausedAt, error }: Schedule): string {
  if (blockedReason !== null) return blockedReason
  if (pausedAt !== null) return 'paused'
  return error === null ? 'on' : `failed: ${error.code}`
}

/** `schedules put`. */
export async function putSchedule(
  context: CommandContext,
  given: PutArguments & {
    readonly tenant: string
    readonly id: string
    readonly workflow: string
    readonly input: unknown
  },
): Promise<void> {
  const { tenant, id, workflow, input, cron, timeZone, every, catchUp, spread } = given
  const said = { input, cron, timeZone, every, overlap: overlapOf(given.overlap), catchUp, spread }
  const schedule = await context.client.tenant(tenant).schedules.put(id, workflow, said)
  if (context.json) printJson(context.io, schedule)
  else print(context.io, `schedule ${schedule.id} ${nextOf(schedule)}`)
}

function nextOf(schedule: Schedule): string {
  return schedule.dueAt === null ? `is ${stateOf(schedule)}` : `fires next at ${schedule.dueAt}`
}

function overlapOf(text: string | undefined): 'skip' | 'allow' | undefined {
  if (text === undefined || text === 'skip' || text === 'allow') return text
  throw CliError.usage(`there is no policy ${text}`, 'it is skip or allow')
}

type Command = (context: CommandContext, tenant: string, id: string) => Promise<void>

/** The commands about one schedule. */
export const SCHEDULE_VERBS: Readonly<Record<ScheduleVerb, Command>> = {
  async show(context, tenant, id) {
    const schedule = await context.client.tenant(tenant).schedules.get(id)
    if (context.json) printJson(context.io, schedule)
    else for (const [name, value] of linesOf(schedule)) print(context.io, escapeControls(`${name.padEnd(9)} ${value}`))
  },
  async pause(context, tenant, id) {
    const schedule = await context.client.tenant(tenant).schedules.pause(id)
    if (context.json) printJson(context.io, schedule)
    else print(context.io, `schedule ${id} is paused`)
  },
  async resume(context, tenant, id) {
    const schedule = await context.client.tenant(tenant).schedules.resume(id)
    if (context.json) printJson(context.io, schedule)
    else print(context.io, `schedule ${id} ${nextOf(schedule)}`)
  },
  async trigger(context, tenant, id) {
    const run = await context.client.tenant(tenant).schedules.trigger(id)
    if (context.json) printJson(context.io, run)
    else print(context.io, `started run ${run.id}`)
  },
  async delete(context, tenant, id) {
    await context.client.tenant(tenant).schedules.delete(id)
    if (context.json) printJson(context.io, { id })
    else print(context.io, `deleted schedule ${id}`)
  },
}

function linesOf(schedule: ScheduleDetail): [string, string][] {
  const { id, workflow, overlap, catchUp, spreadMs, nextAt, dueAt, lastAt, lastRun, skippedAt, missedAt, error } =
    schedule
  const lines: [string, string | null][] = [
    ['schedule', id],
    ['workflow', workflow],
    ['times', timesOf(schedule)],
    ['state', stateOf(schedule)],
    ['input', schedule.input === null ? null : JSON.stringify(schedule.input)],
    ['overlap', overlap],
    ['catch up', String(catchUp)],
    ['spread', spreadMs === 0 ? null : `${spreadMs} ms`],
    ['next', nextAt === dueAt ? nextAt : `${nextAt}, fires at ${dueAt}`],
    ['last', lastAt],
    ['last run', lastRun],
    ['skipped', skippedAt === null ? null : `${skippedAt}: a run had not ended`],
    ['missed', missedAt === null ? null : `from ${missedAt} on`],
    ['error', error === null ? null : `${error.code}: ${error.message}`],
  ]
  return lines.flatMap(([name, value]) => (value === null ? [] : [[name, value] satisfies [string, string]]))
}
