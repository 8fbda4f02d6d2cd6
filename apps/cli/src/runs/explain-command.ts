/** `tenax runs explain`: what a run waits for, since when, and what would move it. */
import type { RunDetail, RunWait } from '@tenax/client'
import { type CommandContext, print, printJson } from '../io.ts'
import { escapeControls, formatFields } from '../table.ts'
import { shownStatus } from './run-commands.ts'

/** `runs explain`. */
export async function explainRun(context: CommandContext, tenant: string, id: string): Promise<void> {
  const run = await context.client.tenant(tenant).runs.get(id)
  const waitsFor = run.waitsFor.map((wait) => {
    const changed = isBlock(wait) ? changeIn(run.blockedReason ?? '') : undefined
    return { ...wait, ...(changed && { changed }), movedBy: movedBy(tenant, run, wait) }
  })
  const nextWakeAt = earliest(run.waitsFor)
  if (context.json) {
    const { status, blockedReason, cancelRequestedAt, endedAt, error } = run
    printJson(context.io, { id, status, blockedReason, cancelRequestedAt, endedAt, error, nextWakeAt, waitsFor })
    return
  }
  print(context.io, escapeControls(headline(run)))
  for (const wait of waitsFor) {
    print(context.io, '')
    print(context.io, escapeControls(wait.changed === undefined ? wait.text : 'is blocked: workflow_changed'))
    for (const line of formatFields(waitFields(wait))) print(context.io, `  ${line}`)
  }
  if (nextWakeAt !== null) print(context.io, `\nnext wake ${nextWakeAt}`)
}

function headline(run: RunDetail): string {
  const { id, workflow, endedAt, error, successor } = run
  const head = `run ${id} of workflow ${workflow} is ${shownStatus(run)}`
  if (endedAt === null) return head
  const why = error === null ? '' : `: ${error.code}: ${error.message}`
  const next = successor === null ? '' : `; it goes on as run ${successor}`
  return `${head} since ${endedAt}${why}${next}. Nothing moves it any more`
}

/** How the code differs from the record, for a reader. */
interface Change {
  readonly recorded: string
  readonly asked: string
}

/** Both sides in a reason; undefined when it names none. */
function changeIn(reason: string): Change | undefined {
  const match = /^workflow_changed: recorded (.+?); asked for ((?:operation \d|nothing behind ).*)$/s.exec(reason)
  const [, recorded, asked] = match ?? []
  return recorded === undefined || asked === undefined ? undefined : { recorded, asked }
}

function isBlock({ type, text }: RunWait): boolean {
  return type === 'operator' && text !== 'is paused'
}

type Explained = RunWait & { readonly movedBy: string; readonly changed?: Change }

function waitFields(wait: Explained): (readonly [string, string])[] {
  const { since, step, attempts, error, dueAt, changed } = wait
  const fields: (readonly [string, string | null])[] = [
    ['since', since],
    ['recorded', changed?.recorded ?? null],
    ['asked for', changed?.asked ?? null],
    ['step', step],
    ['wakes', dueAt],
    ['attempts', attempts === null || attempts === 0 ? null : String(attempts)],
    ['last error', error === null ? null : `${error.code}: ${error.message}`],
    ['moved by', wait.movedBy],
  ]
  return fields.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]))
}

/** What somebody could do, or what has to happen. */
function movedBy(tenant: string, run: RunDetail, wait: RunWait): string {
  switch (wait.type) {
    case 'event':
      return `tenax events send ${tenant} ${word(wait.event)} '<payload>'${wait.key === null ? '' : ` --for ${word(wait.key)}`}`
    case 'child':
      if (wait.run === null) return 'the end of its children'
      return `the end of that run: tenax runs explain ${tenant} ${word(wait.run)}`
    case 'time':
      return `time, or tenax runs cancel ${tenant} ${word(run.id)}`
    case 'step':
      return wait.error === null ? 'the end of the attempt' : 'an attempt that succeeds, or the last one that fails'
    case 'slot':
      return 'a run that gives its slot back: tenax runs list shows those of the workflow'
    case 'turn':
      return 'the host: nothing is missing'
    case 'operator':
      return isBlock(wait)
        ? blockedMove(tenant, word(run.id), run.blockedReason ?? '')
        : `tenax runs resume ${tenant} ${word(run.id)}`
  }
}

/** One word of a shell, whatever a tenant has put into it. */
function word(text: string | null): string {
  if (text !== null && /^[\w.:@/-]+$/.test(text)) return text
  return `'${(text ?? '').replaceAll("'", "'\\''")}'`
}

function blockedMove(tenant: string, run: string, reason: string): string {
  switch (reason.split(':', 1)[0]) {
    case 'compensation_stuck':
      return `tenax runs retry or tenax runs skip ${tenant} ${run}, once it is seen to`
    case 'workflow_changed':
      return `code that asks for what is recorded: bring it back, or guard the change with ctx.patched(); a server that loads it tries the run within a minute, tenax runs retry ${tenant} ${run} at once`
    case 'workflow_unknown':
      return 'a server that loads the workflow: name it in tenax.config.ts'
    case 'probation':
      return 'the host, which tries it alone'
    case 'poisoned':
      return `tenax runs retry ${tenant} ${run}, once it is mended: it is tried alone first`
    case 'held':
      return `tenax runs release ${tenant}, once no other copy of the tenant works on`
    default:
      return `tenax runs release ${tenant}, once the reason is seen to`
  }
}

function earliest(waits: readonly RunWait[]): string | null {
  return waits.flatMap(({ dueAt }) => (dueAt === null ? [] : [dueAt])).toSorted()[0] ?? null
}
