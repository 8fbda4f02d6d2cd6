/** One thing that a doctor looks at, and what it found. */

/** `fail`: Tenax will not run well, or at all. `warn`: it will, and somebody should know. */
export type CheckStatus = 'ok' | 'warn' | 'fail'

/** What a check found. `facts` are its numbers, with their units in their names. */
export interface Finding {
  readonly status: CheckStatus
  readonly message: string
  readonly facts?: Readonly<Record<string, unknown>>
}

/** A finding with the name of its check. */
export interface NamedFinding extends Finding {
  readonly name: string
}
