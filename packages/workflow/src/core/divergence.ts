/** The comparison of what a body asks for with what its record has (WORKFLOWS 3). */
import type { Divergence, OperationKind, RecordedOperation } from './history.ts'

/** What is compared. */
export interface Asked {
  readonly seq: number
  readonly identity: string
  readonly kind: OperationKind
  readonly hash: string
}

/** How `asked` differs from what is recorded in its place. */
export function difference(recorded: RecordedOperation, asked: Asked): Divergence | undefined {
  if (recorded.identity !== asked.identity || recorded.kind !== asked.kind) {
    return { recorded: described(recorded), asked: described(asked) }
  }
  if (recorded.hash === asked.hash) return undefined
  return { recorded: described(recorded), asked: `${described(asked)} with ${OTHERS[asked.kind]}` }
}

/** What makes the hash of each kind: the record keeps no more of it. */
const OTHERS: Readonly<Record<OperationKind, string>> = {
  step: 'other arguments',
  tx: 'other arguments',
  sql: 'other statements or arguments',
  sleep: 'another duration or time',
  wait: 'another timeout or lookback',
  child: 'another workflow, input or onParentClose',
  send: 'another event, receiver or payload',
}

/** What the record has and the body did not ask for. */
export function missing(recorded: RecordedOperation, askedCount: number): Divergence {
  const number = recorded.completion?.number
  return {
    recorded: described(recorded) + (number === undefined ? '' : `, completion ${number}`),
    asked: `nothing behind operation ${askedCount}`,
  }
}

/** What the record has as dropped, and the body still waits for. */
export function revived(recorded: RecordedOperation): Divergence {
  return { recorded: `${described(recorded)}, dropped`, asked: `${described(recorded)}, waited for` }
}

function described({ seq, kind, identity }: Omit<Asked, 'hash'>): string {
  return `operation ${seq}: ${kind} ${JSON.stringify(identity)}`
}
