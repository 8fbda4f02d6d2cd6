/** Arguments of `tenax runs pause`, `resume`, `retry`, `skip`, `rerun`. */
import type { RerunOptions } from '@tenax/client'
import { type Command, InvalidArgumentError } from 'commander'
import { contextOf, jsonArgument, type ProgramOptions, TENANT, tenantId } from '../arguments.ts'

const PLAIN_VERBS = {
  pause: 'let a run start nothing new; what is in flight is recorded',
  resume: 'let a paused run go on',
  retry: 'try a run again under its id that has failed, whose compensation is stuck, or that is blocked',
} as const

interface RerunFlags {
  readonly from?: string
  readonly input?: unknown
  readonly result?: Readonly<Record<string, unknown>>
  readonly id?: string
  readonly idempotencyKey?: string
  readonly preview?: boolean
}

/** Adds them to `tenax runs`. */
export function addVerbs(runs: Command, options: ProgramOptions): void {
  for (const verb of ['pause', 'resume', 'retry'] as const) {
    onRun(runs, verb, PLAIN_VERBS[verb]).action(async (tenant: string, run: string, _: unknown, command: Command) => {
      const { changeRun } = await import('./verb-commands.ts')
      await changeRun(await contextOf(command, options), { verb, tenant, run })
    })
  }
  onRun(runs, 'skip', 'let a run go on without the compensation that is stuck')
    .option('--step <identity>', 'only if it is that of this operation')
    .action(async (tenant: string, run: string, { step }: { readonly step?: string }, command: Command) => {
      const { skipCompensation } = await import('./verb-commands.ts')
      await skipCompensation(await contextOf(command, options), { tenant, run, step })
    })
  addRerun(runs, options)
}

function addRerun(runs: Command, options: ProgramOptions): void {
  onRun(runs, 'rerun', 'run an ended run again, as a new one')
    .option('--from <identity>', 'the first operation that runs again; default: all do')
    .option('--input <json>', 'instead of its input', jsonArgument)
    .option('--result <identity=json>', 'instead of a result that is kept; may be repeated', resultArgument)
    .option('--id <id>', "the new run's own id")
    .option('--idempotency-key <key>', 'a rerun that is repeated with its key is done once')
    .option('--preview', 'change nothing, and say what would be kept and what done again')
    .action(
      async (tenant: string, run: string, { result, preview = false, ...given }: RerunFlags, command: Command) => {
        const { rerunRun } = await import('./verb-commands.ts')
        const rerun: RerunOptions = result === undefined ? given : { ...given, results: result }
        await rerunRun(await contextOf(command, options), { tenant, run, isPreview: preview, options: rerun })
      },
    )
}

/** An identity may have signs of equality in its key: the first behind which JSON stands is the one. */
function resultArgument(text: string, before: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  for (let at = text.indexOf('=', 1); at > 0; at = text.indexOf('=', at + 1)) {
    if (isJson(text.slice(at + 1))) return { ...before, [text.slice(0, at)]: JSON.parse(text.slice(at + 1)) }
  }
  throw new InvalidArgumentError('It must be an identity, a sign of equality, and JSON.')
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function onRun(runs: Command, verb: string, description: string): Command {
  return runs
    .command(verb)
    .description(description)
    .argument('<tenant>', TENANT, tenantId)
    .argument('<run>', 'id of the run')
}
