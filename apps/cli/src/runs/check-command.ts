/**
 * `tenax runs check`: which runs some code would block, before they need it (WORKFLOWS 24). The code is what the server has
 * loaded, or, before it is deployed, what a configuration here names: then the records come here, and are replayed in this process.
 */
import type { ReplayCheck, RunStatus } from '@tenax/client'
import { isTenaxError, TenaxError } from '@tenax/kernel'
import { CliError } from '../failure.ts'
import { type CommandContext, print, printJson } from '../io.ts'
import { formatTable } from '../table.ts'

/** Which runs: the one that is named, or all of a tenant that have not ended. */
export interface CheckArguments {
  readonly tenant: string
  readonly run?: string | undefined
  readonly workflow?: string | undefined
  /** A `tenax.config.ts`. */
  readonly config?: string | undefined
}

/** A run that would be blocked. */
type Refused = { readonly run: string } & Extract<ReplayCheck, { ok: false }>

const PAGE_LIMIT_MAX = 500
const LIVE: readonly RunStatus[] = ['queued', 'running', 'waiting', 'compensating']

/**
 * One run after the other: each replay has the event loop of the server. Throws CliError `runs_blocked` when some would be;
 * TenaxError `payload_too_large`, behind all others, when the records of some are too large to come here.
 */
export async function checkRuns(context: CommandContext, given: CheckArguments): Promise<void> {
  const check = given.config === undefined ? checkThere(context, given) : await checkHere(context, given, given.config)
  const code = given.config === undefined ? 'the code that the server has loaded' : 'this code'
  const refused: Refused[] = []
  const tooLarge: string[] = []
  let checkedCount = 0
  for await (const run of given.run === undefined ? liveRuns(context, given) : [given.run]) {
    const verdict = await check(run).catch((error: unknown) => {
      if (given.run !== undefined || !isTenaxError(error)) throw error
      if (error.code === 'payload_too_large') tooLarge.push(run)
      else if (error.code !== 'run_not_found') throw error // deleted since it was listed
      return undefined
    })
    if (verdict === undefined) continue
    checkedCount += 1
    if (!verdict.ok) refused.push({ run, ...verdict })
  }
  if (context.json) printJson(context.io, { checkedCount, refused, tooLarge })
  else {
    print(context.io, `checked ${counted(checkedCount)}${refused.length === 0 ? `: ${code} goes on with all` : ''}`)
    for (const line of linesOf(refused)) print(context.io, line)
  }
  if (refused.length > 0) throw new CliError('runs_blocked', `${code} would block ${counted(refused.length)}`, HINT)
  if (tooLarge.length === 0) return
  const shown = tooLarge.slice(0, NAMES_SHOWN).join(', ')
  const message = `not checked: ${counted(tooLarge.length)} with too large a record, ${shown}`
  throw new TenaxError('payload_too_large', message, { hint: LARGE_HINT })
}

type Check = (run: string) => Promise<{ readonly ok: true } | Extract<ReplayCheck, { ok: false }>>

function checkThere({ client }: CommandContext, { tenant }: CheckArguments): Check {
  return (run) => client.tenant(tenant).runs.check(run)
}

async function checkHere({ client }: CommandContext, { tenant }: CheckArguments, config: string): Promise<Check> {
  const [{ readProject }, { checkReplay }] = [await import('@tenax/server'), await import('tenax/testing')]
  const { workflows } = await readProject(config)
  return async (run) => {
    const history = await client.tenant(tenant).runs.history(run)
    const workflow = workflows.find(({ name }) => name === history.run.workflow)
    if (workflow !== undefined) return checkReplay(history, workflow)
    const recorded = `a run of workflow "${history.run.workflow}"`
    return { ok: false, code: 'workflow_unknown', recorded, asked: 'nothing of that name is named' }
  }
}

const NAMES_SHOWN = 20
const LARGE_HINT = 'without --config the server checks them, against the code that it has loaded'
const HINT = 'bring the code back, or guard the change with ctx.patched()'

async function* liveRuns(
  { client }: CommandContext,
  { tenant, workflow }: CheckArguments,
): AsyncGenerator<string, void, undefined> {
  const seen = new Set<string>()
  for (const status of LIVE) {
    for await (const id of runsOf(client, { tenant, workflow, status })) {
      // It may have gone on to the next status since.
      if (!seen.has(id)) yield id
      seen.add(id)
    }
  }
}

async function* runsOf(
  client: CommandContext['client'],
  { tenant, workflow, status }: CheckArguments & { readonly status: RunStatus },
): AsyncGenerator<string, void, undefined> {
  let cursor: string | undefined
  do {
    const page = await client.tenant(tenant).runs.list({ status, workflow, cursor, limit: PAGE_LIMIT_MAX })
    for (const { id } of page.runs) yield id
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
}

function linesOf(refused: readonly Refused[]): string[] {
  if (refused.length === 0) return []
  const columns = ['id', 'code', 'recorded', 'asked for'].map((title) => ({ title }))
  return formatTable(
    columns,
    refused.map(({ run, code, recorded, asked }) => [run, code, recorded, asked]),
  )
}

function counted(count: number): string {
  return count === 1 ? '1 run' : `${count} runs`
}
