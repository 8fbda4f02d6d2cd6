/** `.tables`, `.schema` and the others: words of the shell, never sent to the tenant as they are. */
import type { TenantSession } from '@tenax/client'
import { CliError } from '../failure.ts'
import { type CommandContext, print, printJson } from '../io.ts'
import { escapeControls } from '../table.ts'

const HELP = `Statements end with a semicolon and may span lines.

  .tables          names of tables and views
  .schema [table]  the SQL that made them; tables of Tenax itself (tenax_meta) only by name
  .help            this text
  .quit            leave (also .exit, Ctrl-D)
  Ctrl-C           forget what is typed so far

A transaction (begin; … commit;) stays open from line to line; the prompt then shows a star. It holds the tenant's
only writer, so the server rolls it back after 5 s without a statement and after 30 s in all. Longer ones belong into a
script: tenax sql <tenant> < script.sql`

/** What the tenant made itself: neither SQLite's own tables nor those of Tenax, which have to be named to be shown. */
const OWN = `tbl_name not glob 'sqlite_*' and tbl_name not glob 'tenax_*'`

const TABLES_SQL = `select name from sqlite_schema where type in ('table', 'view') and ${OWN} order by name`

const SCHEMA_SQL = `select sql from sqlite_schema where sql is not null and iif(?1 is null, ${OWN}, lower(tbl_name) = lower(?1)) order by tbl_name, type desc, name`

/** Runs one dot command. The answer tells the shell whether to go on. */
export async function runDotCommand(
  context: CommandContext,
  session: TenantSession,
  line: string,
): Promise<'continue' | 'quit'> {
  const [name = '', argument] = line.trim().replace(/;$/, '').split(/\s+/)
  switch (name) {
    case '.tables':
      await printColumn(context, session.execute(TABLES_SQL), '')
      return 'continue'
    case '.schema':
      await printColumn(context, session.execute(SCHEMA_SQL, [argument ?? null]), ';')
      return 'continue'
    case '.help':
      print(context.io, HELP)
      return 'continue'
    case '.quit':
    case '.exit':
      return 'quit'
    default:
      throw CliError.usage(`there is no command ${escapeControls(name)}`, 'see .help')
  }
}

/** The first column of a result, a value a line. Line ends inside a definition are kept: that is how it was written. */
async function printColumn(
  { io, json }: CommandContext,
  pending: ReturnType<TenantSession['execute']>,
  end: string,
): Promise<void> {
  const { rows } = await pending
  const values = rows.map(([value]) => String(value))
  if (json) printJson(io, values)
  else for (const value of values) print(io, value.split('\n').map(escapeControls).join('\n') + end)
}
