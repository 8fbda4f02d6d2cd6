/** `tenax.config.ts`: what a project says once for `dev` and `serve`. */

/** The keys of a project's configuration. */
export interface TenaxConfig {
  /** Directory of `*.sql` migrations, relative to the configuration file. */
  readonly migrations?: string
}

/**
 * Types a configuration; it changes nothing.
 *
 * @example
 * export default defineConfig({ migrations: './migrations' })
 */
export function defineConfig(config: TenaxConfig): TenaxConfig {
  return config
}
