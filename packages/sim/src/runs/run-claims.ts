/** What must be true of a run in the end, by its workflow. */
import type { RunDetail } from '@tenax/engine'

/** What is known of a run beside its record. */
export interface RunClaims {
  /** `tenant/run`, by the name that its effects have. */
  readonly key: string
  /** Rows of `counted`, by who was counted. */
  readonly counts: ReadonlyMap<string, number>
  /** How often each of its steps has left a line. */
  readonly lines: ReadonlyMap<string, number>
}

/** What is wrong with a run. */
export function faultsOf(run: RunDetail, claims: RunClaims): string[] {
  const faults =
    run.workflow === 'wide' ? wide(run, claims) : run.workflow === 'undone' ? undone(run, claims) : mixed(run, claims)
  return faults.map((fault) => `${claims.key}: ${fault}`)
}

function mixed(run: RunDetail, claims: RunClaims): string[] {
  return [
    ...ended(run, 'completed', { counted: 1, got: run.id }),
    ...counted(claims, ['run', 'child']),
    ...ran(claims, ['first', 'child', 'second', 'last']),
  ]
}

function wide(run: RunDetail, claims: RunClaims): string[] {
  if (run.predecessor !== undefined) return ended(run, 'completed', { changes: 1 })
  const onceCount = claims.lines.get('once') ?? 0
  return [
    ...ended(run, 'continued', undefined),
    ...counted(claims, ['each-a', 'each-b', 'each-c', 'fast true', 'both', 'tail']),
    ...ran(claims, ['each-a', 'each-b', 'each-c', 'fast', 'tail']),
    ...(onceCount > 1 ? [`a step that may run once ran ${onceCount} times`] : []),
  ]
}

function undone(run: RunDetail, claims: RunClaims): string[] {
  const { counts, lines } = claims
  const isToFail = JSON.stringify(run.input).includes('"isToFail":true')
  const [held = 0, released = 0] = [counts.get('held'), counts.get('released')]
  const faults = [...ended(run, isToFail ? 'failed' : 'cancelled', undefined)]
  if (held !== released || held > 1) faults.push(`was held ${held} times, and released ${released} times`)
  for (const step of ['reserve', 'charge']) {
    if (lines.has(step) && !lines.has(`undo-${step}`)) faults.push(`"${step}" was not undone`)
  }
  return isToFail
    ? [...faults, ...counted(claims, ['held', 'released']), ...ran(claims, ['reserve', 'charge'])]
    : faults
}

function ended(run: RunDetail, status: RunDetail['status'], output: unknown): string[] {
  const isRight =
    run.status === status && (output === undefined || JSON.stringify(run.output) === JSON.stringify(output))
  if (isRight) return []
  return [`is ${run.status} with ${JSON.stringify(run.output ?? run.error ?? run.blockedReason)}`]
}

function counted({ counts }: RunClaims, whos: readonly string[]): string[] {
  const wrong = whos.filter((who) => counts.get(who) !== 1)
  return wrong.map((who) => `its ${who} was counted ${counts.get(who) ?? 0} times`)
}

function ran({ lines }: RunClaims, steps: readonly string[]): string[] {
  return steps.filter((step) => !lines.has(step)).map((step) => `"${step}" never ran`)
}
