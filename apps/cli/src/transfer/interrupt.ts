/** Ctrl-C during work that must clean up behind itself. */

/** A signal that aborts on SIGINT and SIGTERM, until it is disposed of. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal
}

/** Takes SIGINT and SIGTERM from the process, which otherwise die at once. */
export function listenForInterrupt(): Interrupt {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  process.on('SIGINT', abort).on('SIGTERM', abort)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      process.off('SIGINT', abort).off('SIGTERM', abort)
    },
  }
}
