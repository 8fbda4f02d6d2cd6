/** `tenax runs show`: a run, and its steps as a timeline. */
import type { RunDetail, RunStep } from '@tenax/client'
import { type Clock, systemClock } from '@tenax/kernel'
import { type CommandContext, print, printJson, toJson } from '../io.ts'
import { formatFields, formatTable } from '../table.ts'
import { formatDuration } from './duration.ts'
import { shownStatus } from './run-commands.ts'
import type { RunArguments } from './verb-commands.ts'

const BAR_WIDTH = 24

/** Characters of an input or an output that are shown; `--json` has all. */
const JSON_CHARS_MAX = 200

/** `runs show`. */
export async function showRun(
  context: CommandContext,
  { tenant, run: id }: RunArguments,
  clock: Clock = systemClock,
): Promise<void> {
  const run = await context.client.tenant(tenant).runs.get(id)
  if (context.json) {
    printJson(context.io, run)
    return
  }
  for (const line of formatFields(runFields(run))) print(context.io, line)
  if (run.steps.length === 0) return
  print(context.io, '')
  for (const line of timeline(run, clock.nowMs())) print(context.io, line)
  const hiddenCount = run.stepCount - run.steps.length
  if (hiddenCount > 0) print(context.io, `and ${hiddenCount} steps before these; tenax sql has them in tenax_step`)
}

function runFields(run: RunDetail): (readonly [string, string])[] {
  const { workflow, version, error, output, input, parent, predecessor, successor } = run
  const fields: (readonly [string, string | null])[] = [
    ['run', run.id],
    ['workflow', version === null ? workflow : `${workflow} ${version}`],
    ['status', shownStatus(run)],
    ['blocked', run.blockedReason],
    ['created', run.createdAt],
    ['starts', run.startAt > run.createdAt ? run.startAt : null],
    ['started', run.startedAt],
    ['ended', run.endedAt],
    ['parent', parent],
    ['before it', predecessor],
    ['after it', successor],
    ['input', short(input)],
    ['values', Object.keys(run.values).length === 0 ? null : short(run.values)],
    ['output', run.status === 'completed' ? short(output) : null],
    ['error', error === null ? null : `${error.code}: ${error.message}`],
    ...run.waitsFor.map(({ text }) => ['now', text] as const),
  ]
  return fields.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]))
}

function short(value: unknown): string {
  const text = toJson(value) ?? 'null'
  return text.length > JSON_CHARS_MAX ? `${text.slice(0, JSON_CHARS_MAX)}…` : text
}

/** The lines of the timeline: when, how long, what, and what came of it. What is open goes on up to `nowMs`. */
export function timeline({ steps, startedAt, createdAt, endedAt }: RunDetail, nowMs: number): string[] {
  const startMs = Date.parse(startedAt ?? createdAt)
  const times = steps.flatMap(({ askedAt, completedAt }) => [askedAt, completedAt ?? askedAt])
  const lastMs = Math.max(...[...times, endedAt ?? createdAt].map((time) => Date.parse(time)))
  // The clock of the server may be another.
  const endMs =
    endedAt === null && steps.some(({ completedAt }) => completedAt === null) ? Math.max(lastMs, nowMs) : lastMs
  const columns = [
    { title: 'at', align: 'right' },
    { title: '' },
    { title: 'step' },
    { title: 'kind' },
    { title: 'took', align: 'right' },
    { title: 'outcome' },
  ] as const
  const rows = steps.map((step) => {
    const fromMs = Date.parse(step.askedAt)
    const toMs = step.completedAt === null ? endMs : Date.parse(step.completedAt)
    const took = step.completedAt === null ? '' : formatDuration(toMs - fromMs)
    const bar = barOf({ fromMs, toMs, startMs, endMs }, step.completedAt === null)
    return [`+${formatDuration(fromMs - startMs)}`, bar, step.identity, step.kind, took, outcomeOf(step)]
  })
  return formatTable(columns, rows)
}

interface Span {
  readonly fromMs: number
  readonly toMs: number
  readonly startMs: number
  readonly endMs: number
}

function barOf({ fromMs, toMs, startMs, endMs }: Span, isOpen: boolean): string {
  const scale = BAR_WIDTH / Math.max(1, endMs - startMs)
  const from = Math.min(BAR_WIDTH - 1, Math.floor((fromMs - startMs) * scale))
  const to = Math.min(BAR_WIDTH, Math.max(from + 1, Math.ceil((toMs - startMs) * scale)))
  const bar = isOpen ? `${'='.repeat(to - from - 1)}>` : '='.repeat(to - from)
  return `|${' '.repeat(from)}${bar}${' '.repeat(BAR_WIDTH - to)}|`
}

/** What became of an operation, in words; `took` stands behind its status. */
export function outcomeOf({ status, attempts, dueAt, error, kind, child, event, key }: RunStep, took = ''): string {
  const parts = [
    `${status}${took}`,
    kind === 'step' && attempts > 1 ? `after ${attempts} attempts` : '',
    status === 'open' && dueAt !== null ? `until ${dueAt}` : '',
    event === null ? '' : `event ${event}${key === null || key === '' ? '' : ` ${key}`}`,
    child === null ? '' : `run ${child}`,
    error === null ? '' : `${error.code}: ${error.message}`,
  ]
  return parts.filter((part) => part !== '').join(', ')
}
