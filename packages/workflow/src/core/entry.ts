/** One operation that a body asked for, in memory. */

import { UNKNOWN_OUTCOME_CODES } from './failures.ts'
import type { AskedOperation, Completion, OperationKind, OperationSpec } from './history.ts'
import { decodeJson } from './json.ts'
import type { Pledge } from './pledge.ts'
import type { Scope } from './scope.ts'

/** `compensate` of a step or a tx, with the types of its context and result forgotten. */
export type Compensate = (ctx: never, done: never) => PromiseLike<unknown>

/** What a call of the context asks for. */
export interface Call {
  readonly scope: Scope
  readonly isShielded: boolean
  readonly kind: OperationKind
  /** The name in its identity, and in the errors that the body meets. */
  readonly name: string
  readonly key: string | undefined
  readonly compensate: Compensate | undefined
  /** Throws when an argument is wrong. `declared` is what the hash is made of, besides the kind. */
  build(identity: string): { readonly spec: OperationSpec; readonly declared: unknown }
}

/** What an entry is made of, besides what is asked. */
export interface EntryParts {
  readonly call: Call
  readonly label: string | undefined
  readonly pledge: Pledge
  readonly performedBy: string | undefined
}

/** How an operation stands. */
export type EntryState = 'open' | 'done' | 'failed' | 'cancelled'

/** An operation, from being asked for to its end. */
export class Entry {
  readonly seq: number
  readonly identity: string
  readonly hash: string
  readonly call: Call
  readonly spec: OperationSpec
  readonly pledge: Pledge
  readonly askedAfter: number
  readonly performedBy: string | undefined
  /** The name in its scope that it keeps others from using while it is open. */
  readonly label: string | undefined
  /** Begun to be undone, or will be. */
  isUndone = false
  /** Was open when it was dropped. */
  isDropped = false
  /** Lost a race, finished or not. */
  isLost = false
  state: EntryState = 'open'
  /** Order of its end among all ends. */
  endedAs = Number.POSITIVE_INFINITY
  /** How it failed, if it did. */
  code = ''
  json: string | undefined

  constructor(asked: AskedOperation, { call, label, pledge, performedBy }: EntryParts) {
    this.seq = asked.seq
    this.identity = asked.identity
    this.hash = asked.hash
    this.spec = asked.spec
    this.call = call
    this.label = label
    this.pledge = pledge
    this.askedAfter = asked.askedAfter
    this.performedBy = performedBy
  }

  get asked(): AskedOperation {
    const { seq, identity, hash, spec, askedAfter } = this
    return { seq, identity, hash, spec, askedAfter }
  }

  /** True when it had its effect, or may have had it (WORKFLOWS 21). A `tx` is all or nothing, and says so. */
  get mayHaveActed(): boolean {
    if (this.call.kind === 'tx') return this.state === 'done'
    return this.state !== 'failed' || UNKNOWN_OUTCOME_CODES.has(this.code)
  }

  /** True when nobody will use what it did. */
  get isAbandoned(): boolean {
    return this.isLost || this.isDropped || this.call.scope.isLost
  }

  /** Its end, as it is kept for a compensation. */
  end(outcome: Completion['outcome'], endedAs: number): void {
    this.endedAs = endedAs
    if (outcome.type === 'ok') {
      this.state = 'done'
      this.json = this.call.compensate === undefined ? undefined : outcome.json
    } else if (outcome.type === 'error') {
      this.state = 'failed'
      this.code = outcome.error.code
    } else {
      this.state = 'cancelled'
    }
  }

  /** What its compensation is told: no result when the outcome is unknown. */
  get result(): { readonly result?: unknown } {
    return this.state === 'done' ? { result: decodeJson(this.json) } : {}
  }
}
