/** What was thrown may be anything, also a proxy that cannot even be asked what it is. */

/** True when `error` is a `kind`. Never throws. */
export function isThrown<T>(error: unknown, kind: abstract new (...args: never[]) => T): error is T {
  try {
    return error instanceof kind
  } catch {
    return false
  }
}
