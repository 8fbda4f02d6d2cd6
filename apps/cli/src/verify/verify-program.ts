/** The options of `tenax verify`. */
import type { Command } from 'commander'
import { contextOf, type ProgramOptions, TENANT, tenantId } from '../arguments.ts'

/** Adds the command. */
export function addVerifyCommand(program: Command, options: ProgramOptions): void {
  program
    .command('verify')
    .description('prove that snapshots can be restored: of every tenant that has one, or of one tenant')
    .option('--tenant <tenant>', TENANT, tenantId)
    .action(async ({ tenant }: { tenant?: string }, command: Command) => {
      const { verifyOne, verifyAll } = await import('./verify-command.ts')
      const context = await contextOf(command, options)
      await (tenant === undefined ? verifyAll(context) : verifyOne(context, tenant))
    })
}
