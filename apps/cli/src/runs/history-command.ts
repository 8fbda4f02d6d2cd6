/** `tenax runs history`: the record of a run, to keep beside the tests of its workflow. */
import { type CommandContext, print, printJson } from '../io.ts'

/** Prints the document that `checkReplay` takes: in lines, since it is kept in a repository; with `--json`, in one. */
export async function printHistory(context: CommandContext, tenant: string, run: string): Promise<void> {
  const history = await context.client.tenant(tenant).runs.history(run)
  if (context.json) printJson(context.io, history)
  else print(context.io, JSON.stringify(history, null, 2))
}
