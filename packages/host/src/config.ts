/** `tenax.config.ts`: what a project says once for `dev` and `serve`. */
import type { EventDef, WorkflowRef } from '@tenax/workflow'

/** The keys of a project's configuration. */
export interface TenaxConfig {
  /** Directory of `*.sql` migrations, relative to the configuration file. */
  readonly migrations?: string
  /** Modules that export workflows, relative to the configuration file, or the workflows themselves. */
  readonly workflows?: readonly (string | WorkflowRef<never, unknown>)[]
  /** Further events whose payloads are checked when they are sent, as definitions or modules. Those that `workflows` export are known. */
  readonly events?: readonly (string | EventDef<unknown>)[]
}

/**
 * Types a configuration; it changes nothing.
 *
 * @example
 * export default defineConfig({ migrations: './migrations', workflows: ['./workflows/trial.ts'] })
 */
export function defineConfig(config: TenaxConfig): TenaxConfig {
  return config
}
