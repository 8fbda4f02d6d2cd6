/** `tenax runs result`: waits for the end of a run, and of the runs that it goes on as. */
import type { RunResult } from '@tenax/client'
import { type Clock, systemClock } from '@tenax/kernel'
import { CliError } from '../failure.ts'
import { type CommandContext, print, printJson, toJson } from '../io.ts'

/** Which run, and for how long; undefined: as long as it takes. */
export interface ResultArguments {
  readonly tenant: string
  readonly run: string
  readonly timeoutS?: number | undefined
}

const WAIT_MS_MAX = 20_000

/** Prints the output of a run that completed. Throws CliError `run_failed`, `run_unfinished`. */
export async function awaitResult(
  context: CommandContext,
  { tenant, run, timeoutS }: ResultArguments,
  clock: Clock = systemClock,
): Promise<void> {
  const endMs = timeoutS === undefined ? Number.POSITIVE_INFINITY : clock.monotonicMs() + timeoutS * 1000
  const { runs } = context.client.tenant(tenant)
  let id = run
  for (;;) {
    const leftMs = Math.max(0, Math.round(endMs - clock.monotonicMs()))
    const result = await runs.result(id, { timeoutMs: Math.min(WAIT_MS_MAX, leftMs) })
    if (result.status === 'continued' && result.successor !== null) id = result.successor
    else if (result.endedAt !== null) return printEnd(context, result)
    else if (leftMs === 0)
      throw new CliError('run_unfinished', `run ${id} is ${result.status}`, 'see tenax runs explain')
  }
}

function printEnd({ io, json }: CommandContext, result: RunResult): void {
  if (json) printJson(io, result)
  const { id, status, error, output } = result
  if (status !== 'completed') {
    throw new CliError(
      'run_failed',
      `run ${id} ${error === null ? `is ${status}` : `failed: ${error.code}: ${error.message}`}`,
    )
  }
  if (!json) print(io, toJson(output))
}
