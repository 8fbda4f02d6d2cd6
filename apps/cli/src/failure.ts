/** Failures of a command: how they are shown, and the exit code that they end it with. */
import { type ErrorCode, isTenaxError, messageOf } from '@tenax/kernel'

/** Exit codes. */
export const EXIT_OK = 0
/** The command failed. */
export const EXIT_FAILURE = 1
/** The command makes no sense; nothing was tried. */
export const EXIT_USAGE = 2
/** Ended by Ctrl-C, as shells count it. */
export const EXIT_INTERRUPTED = 130

/** What only the command line can get wrong. */
export type CliErrorCode =
  | 'usage'
  | 'not_confirmed'
  | 'file_exists'
  | 'transaction_open'
  | 'checks_failed'
  | 'run_failed'
  | 'run_unfinished'
  | 'runs_blocked'
  | 'interrupted'

/** A failure of the command line itself; failures of the server are TenaxError. */
export class CliError extends Error {
  readonly code: CliErrorCode
  readonly hint: string | undefined

  constructor(code: CliErrorCode, message: string, hint?: string) {
    super(message)
    this.name = 'CliError'
    this.code = code
    this.hint = hint
  }

  /** A command that makes no sense. */
  static usage(message: string, hint?: string): CliError {
    return new CliError('usage', message, hint)
  }
}

/** A failure as it is shown: as text, or as JSON under `error`. */
export interface ShownFailure {
  readonly code: string
  readonly message: string
  readonly hint?: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** The server's hints speak of HTTP; where a command helps, its name says more. */
const COMMAND_HINTS: Partial<Record<ErrorCode, string>> = {
  unauthorized: 'set TENAX_ADMIN_KEY to the key of the server, or give it with --key',
  tenant_not_found: 'see tenax tenants list, or make it with tenax tenants create',
  run_not_found: 'see tenax runs list',
  workflow_unknown: 'name its module under workflows in tenax.config.ts, and start the server again',
  tenant_suspended: 'let it work again with tenax tenants resume',
}

/** What to show of anything that was thrown. */
export function shownFailure(error: unknown): ShownFailure {
  if (error instanceof CliError) return { code: error.code, message: error.message, ...hintMember(error.hint) }
  if (isTenaxError(error)) {
    const { code, message, details } = error
    return {
      code,
      message,
      ...hintMember(COMMAND_HINTS[code] ?? error.hint),
      ...(Object.keys(details).length === 0 ? {} : { details }),
    }
  }
  return { code: systemCodeOf(error) ?? 'internal', message: messageOf(error) }
}

function hintMember(hint: string | undefined): { readonly hint?: string } {
  return hint === undefined ? {} : { hint }
}

/** `ENOENT` and the like, from the file system. */
function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** The exit code for anything that was thrown. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof CliError)) return EXIT_FAILURE
  if (error.code === 'usage') return EXIT_USAGE
  return error.code === 'interrupted' ? EXIT_INTERRUPTED : EXIT_FAILURE
}
