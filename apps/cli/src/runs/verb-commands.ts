/** `tenax runs pause`, `resume`, `retry`, `skip`, `rerun`. */
import type { RerunOptions, RerunPreview, Run } from '@tenax/client'
import { type CommandContext, print, printJson } from '../io.ts'
import { escapeControls } from '../table.ts'
import { shownStatus } from './run-commands.ts'

/** A verb that needs nothing but its run. */
export type PlainVerb = 'pause' | 'resume' | 'retry'

/** Which run. */
export interface RunArguments {
  readonly tenant: string
  readonly run: string
}

/** `runs pause`, `resume`, `retry`. */
export async function changeRun(
  context: CommandContext,
  { verb, tenant, run }: RunArguments & { readonly verb: PlainVerb },
): Promise<void> {
  printRun(context, await context.client.tenant(tenant).runs[verb](run))
}

/** `runs skip`. */
export async function skipCompensation(
  context: CommandContext,
  { tenant, run, step }: RunArguments & { readonly step?: string | undefined },
): Promise<void> {
  printRun(context, await context.client.tenant(tenant).runs.skip(run, { step }))
}

/** `runs rerun`: starts it, or says what it would keep. */
export async function rerunRun(
  context: CommandContext,
  { tenant, run, isPreview, options }: RunArguments & { readonly isPreview: boolean; readonly options: RerunOptions },
): Promise<void> {
  const { runs } = context.client.tenant(tenant)
  if (isPreview) {
    const preview = await runs.previewRerun(run, options)
    if (context.json) printJson(context.io, preview)
    else for (const line of previewLines(preview)) print(context.io, escapeControls(line))
    return
  }
  const started = await runs.rerun(run, options)
  if (context.json) printJson(context.io, started)
  else print(context.io, `${started.isNew ? 'started' : 'there was already'} run ${started.id}, a rerun of ${run}`)
}

function previewLines({ kept, keptCount, again, againCount }: RerunPreview): string[] {
  const list = (title: string, steps: RerunPreview['kept'], count: number): string[] => [
    `${title}: ${count}`,
    ...steps.map(({ kind, identity }) => `  ${kind} ${identity}`),
    ...(count > steps.length ? [`  and ${count - steps.length} more`] : []),
  ]
  return [...list('kept', kept, keptCount), ...list('done again, if the code does what it did', again, againCount)]
}

function printRun({ io, json }: CommandContext, run: Run): void {
  if (json) printJson(io, run)
  else print(io, `run ${run.id} is ${shownStatus(run)}`)
}
