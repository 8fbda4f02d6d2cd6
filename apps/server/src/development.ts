/** What `tenax dev` does beside serving: it takes changes of the project, and tells what became of them. */
import { systemClock } from '@tenax/kernel'
import type { Logger } from 'pino'
import type { Tenax } from 'tenax'
import type { FreshModules } from './fresh-modules.ts'
import { Reloader, type ReloadOutcome } from './reloader.ts'
import type { ServerSettings } from './settings.ts'

/** A server that somebody works on. */
export interface Development {
  readonly settings: ServerSettings
  readonly tenax: Tenax
  readonly logger: Logger
  readonly modules: FreshModules
  /** The configuration file that was named. */
  readonly config: string | undefined
}

/** Reloads on every change until the process ends. Tells a person on stdout, and the log. */
export function reloadOnChange({ settings, tenax, logger, modules, config }: Development): void {
  const say = (text: string) => {
    if (!settings.json) process.stdout.write(`  ${text}\n`)
  }
  const tell = (outcome: ReloadOutcome) => {
    if (outcome.type === 'refused') {
      logger.error({ err: outcome.error }, 'the change does not load: the code from before goes on')
      say(`NOT reloaded, the code from before goes on: ${outcome.message}`)
      return
    }
    const names = outcome.project.workflows.map(({ name }) => name)
    logger.info({ workflows: names }, 'reloaded')
    say(`reloaded: ${names.join(', ')}`)
    if (outcome.project.migrationsPath === settings.project.migrationsPath) return
    logger.warn('other migrations are taken at the next start')
    say('other migrations are taken at the next start')
  }
  new Reloader({ config, modules, clock: systemClock, take: (project) => tenax.reload(project), tell })
}
