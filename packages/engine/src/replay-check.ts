/**
 * Whether a function does the same when it is run again: asked for behind every commit while somebody works on it, so that it
 * is told then, and not after the next crash (WORKFLOWS 8); and of the code that is loaded, before a run needs it (WORKFLOWS 24).
 */
import type { SqliteFile } from '@tenax/sqlite'
import type { BodyState, Turn } from '@tenax/workflow/core'
import { executionOf, type RunLifeOptions } from './beginning.ts'
import { type RunRow, readRun } from './store/runs.ts'
import { readSteps } from './store/steps.ts'
import { confine } from './stray.ts'

/** What a replay has come to. */
export type ReplayCheck =
  | {
      readonly ok: true
      /** Where the code is behind the record. */
      readonly state: Exclude<BodyState['type'], 'diverged'>
      /** Identities of operations that it asks for beyond the record: what the run would do next. */
      readonly asks: readonly string[]
    }
  | {
      readonly ok: false
      /** What the run would be blocked for. */
      readonly code: 'workflow_changed' | 'workflow_unknown'
      /** Both sides, for a reader. */
      readonly recorded: string
      readonly asked: string
    }

/** What a turn that was replayed says of the code. */
export function verdictOn({ state, asked }: Turn): ReplayCheck {
  if (state.type !== 'diverged') return { ok: true, state: state.type, asks: asked.map(({ identity }) => identity) }
  return { ok: false, code: 'workflow_changed', ...state.divergence }
}

/** How the record and the function differ. Nothing when they agree, or when the run has ended. */
export async function replayedState(
  options: Pick<RunLifeOptions, 'parts' | 'tenant' | 'workflow'>,
  number: number | undefined,
): Promise<Extract<Turn['state'], { type: 'diverged' }> | undefined> {
  const turn = number === undefined ? undefined : await replayedTurn(options, number, readRun)
  return turn?.state.type === 'diverged' ? turn.state : undefined
}

/** Where the function is behind the record that `read` gives: dry, nothing is performed or recorded. Undefined when there is none. */
export async function replayedTurn(
  options: Pick<RunLifeOptions, 'parts' | 'tenant' | 'workflow'>,
  number: number,
  read: (file: SqliteFile, number: number) => RunRow | undefined,
): Promise<Turn | undefined> {
  const { parts, tenant } = options
  const beginning = await parts.tenancy.use(tenant, (handle) =>
    handle.read((file) => {
      const row = read(file, number)
      return row === undefined ? undefined : ({ type: 'recorded', row, steps: readSteps(file, number) } as const)
    }),
  )
  if (beginning === undefined) return undefined
  const { id, startedAtMs, beginsAtMs } = beginning.row
  const execution = executionOf(beginning, options, {
    startedAtMs: beginsAtMs ?? startedAtMs ?? parts.clock.nowMs(),
    // What it leaves unheard here is heard where the run really goes on.
    confine: (act) => confine({ tenant, run: id }, () => undefined, act),
  })
  try {
    return await execution.replay()
  } finally {
    execution.discard()
  }
}
