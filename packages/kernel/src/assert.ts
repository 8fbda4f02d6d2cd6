/** Assertions stay on in production: a broken invariant must stop the tenant that broke it, not go on quietly. */

/** Thrown by {@link assert}. The layer above decides what it stops: a tenant (quarantine) or the host (`onFatal`). */
export class InvariantError extends Error {
  constructor(message: string) {
    super(`invariant broken: ${message}`)
    this.name = 'InvariantError'
  }
}

/** Throws an {@link InvariantError} when `claim` is false. `message` states the invariant, not the failure. */
export function assert(claim: boolean, message: string): asserts claim {
  if (!claim) throw new InvariantError(message)
}

/** Marks a place that the types prove unreachable. */
export function unreachable(value: never): never {
  throw new InvariantError(`unexpected value ${JSON.stringify(value)}`)
}
