/** `tenax sql`: a statement, a script, or a shell, whichever the arguments and stdin ask for. */
import type { SqlValue } from '@tenax/kernel'
import { CliError } from './failure.ts'
import { type CommandContext, readAll } from './io.ts'
import { runScript } from './sql/script.ts'
import { runShell } from './sql/shell.ts'

/** What to run on which tenant. */
export interface SqlOptions {
  readonly tenantId: string
  readonly statement: string | undefined
  readonly args: readonly SqlValue[]
  readonly historyFile: string
}

/** Runs the statement if there is one, else what stdin holds, else a shell at the terminal. */
export async function runSql(context: CommandContext, options: SqlOptions): Promise<void> {
  const { tenantId, statement, args, historyFile } = options
  const session = context.client.tenant(tenantId).session()
  if (statement !== undefined) {
    await runScript(context, session, { text: statement, args })
  } else if (context.io.stdin.isTTY !== true) {
    await runScript(context, session, { text: await readAll(context.io), args })
  } else if (args.length > 0) {
    throw CliError.usage('--arg takes a statement', 'give the statement behind the tenant')
  } else {
    await runShell(context, { tenantId, session, historyFile })
  }
}
