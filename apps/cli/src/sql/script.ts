/** Statements that are all there from the start: an argument, or stdin. */
import type { TenantSession } from '@tenax/client'
import { isTenaxError, type SqlValue, TenaxError } from '@tenax/kernel'
import { CliError } from '../failure.ts'
import type { CommandContext } from '../io.ts'
import { runDotCommand } from './dot-commands.ts'
import { printResult } from './result-text.ts'
import { splitStatements } from './statements.ts'

/** A script and the values of its only statement. */
export interface Script {
  readonly text: string
  readonly args: readonly SqlValue[]
}

/**
 * Runs a script, statement by statement, until one fails. A transaction that it leaves open is rolled back.
 *
 * @throws CliError `usage` for a script of nothing, and for values beside several statements; `transaction_open`
 */
export async function runScript(context: CommandContext, session: TenantSession, script: Script): Promise<void> {
  if (script.text.trimStart().startsWith('.')) {
    await runDotCommand(context, session, script.text)
    return
  }
  const statements = statementsOf(script)
  try {
    for (const [index, sql] of statements.entries()) {
      const result = await session.execute(sql, script.args).catch((error: unknown) => {
        throw located(error, { index, count: statements.length, inTransaction: session.inTransaction })
      })
      printResult(context, result)
    }
    if (session.inTransaction) throw leftOpen()
  } finally {
    await session.close()
  }
}

function statementsOf({ text, args }: Script): readonly string[] {
  const { statements, rest } = splitStatements(text)
  const all = rest === '' ? statements : [...statements, rest]
  if (all.length === 0) throw CliError.usage('there is no statement to run')
  if (args.length > 0 && all.length > 1) throw CliError.usage('--arg takes a single statement')
  return all
}

function leftOpen(): CliError {
  return new CliError(
    'transaction_open',
    'the script ended inside a transaction, which was rolled back',
    'end it with commit',
  )
}

/** Of several statements, the error says which one failed and what became of the others. */
function located(
  error: unknown,
  { index, count, inTransaction }: { readonly index: number; readonly count: number; readonly inTransaction: boolean },
): unknown {
  if (!isTenaxError(error) || count === 1) return error
  const before = inTransaction ? 'its transaction was rolled back' : 'what came before it was carried out'
  const place = `statement ${index + 1} of ${count} failed; ${before}`
  const hint = error.hint === undefined ? place : `${error.hint}; ${place}`
  return new TenaxError(error.code, error.message, { hint, details: { ...error.details, index }, cause: error })
}
