/** Runs one command from its arguments to its exit code. */
import { CommanderError } from 'commander'
import type { ProgramOptions } from './arguments.ts'
import { CliError, EXIT_OK, exitCodeOf, shownFailure } from './failure.ts'
import { toJson } from './io.ts'
import { buildProgram } from './program.ts'
import { escapeControls } from './table.ts'

/** What a command gets from the process around it. */
export type MainOptions = Omit<ProgramOptions, 'json'>

/** Runs the command in `args` (without program names) and answers its exit code. It never throws. */
export async function main(args: readonly string[], options: MainOptions): Promise<number> {
  const json = wantsJson(args)
  try {
    await buildProgram({ ...options, json }).parseAsync([...args], { from: 'user' })
    return EXIT_OK
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === EXIT_OK) return EXIT_OK
    const error = thrown instanceof CommanderError ? usageErrorOf(thrown) : thrown
    options.io.stderr.write(formatFailure(error, json))
    return exitCodeOf(error)
  }
}

/** A failure may come before the options are parsed. Behind `--` nothing is an option. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end === -1 ? args.length : end).includes('--json')
}

function usageErrorOf(error: CommanderError): CliError {
  // Help that nobody asked for: a command without its subcommand. Commander has printed the help by then.
  if (error.code === 'commander.help') return CliError.usage('a command is missing', 'see --help')
  return CliError.usage(error.message.replace(/^error: /, '').replaceAll('\n', ' '), 'see --help')
}

function formatFailure(error: unknown, json: boolean): string {
  const shown = shownFailure(error)
  if (json) return `${toJson({ error: shown })}\n`
  const hint = shown.hint === undefined ? '' : `hint: ${escapeControls(shown.hint)}\n`
  return `error: ${escapeControls(shown.message)}\n${hint}`
}
