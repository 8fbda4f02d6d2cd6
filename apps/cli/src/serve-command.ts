/** `tenax dev` and `tenax serve`: the server, loaded only here because it brings native code. */

/** Options of both commands; what is missing comes from the server's own settings. */
export interface ServeOptions {
  readonly port?: number
  readonly host?: string
  readonly data?: string
  readonly config?: string
  readonly handles?: number
  readonly durability?: string
  readonly json?: boolean
  readonly store?: string
  /** Seconds. */
  readonly archiveAfter?: number
  /** MiB. */
  readonly diskBudget?: number
  /** MiB; 0: none. */
  readonly diskFreeMin?: number
  /** Seconds; 0: never. */
  readonly scrubEvery?: number
}

/** Runs a server until it is told to stop. */
export async function serve(mode: 'dev' | 'serve', argv: ServeOptions): Promise<void> {
  const { runServer } = await import('@tenax/server')
  await runServer({ mode, argv })
}
