/** A project: its `tenax.config.ts` and what that names, read once or again after every change. */
import { existsSync, statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { messageOf, TenaxError } from '@tenax/kernel'
import { type LoadedDefinitions, type LoadModule, loadDefinitions } from 'tenax'
import { z } from 'zod'

/** What a project says. */
export interface Project extends LoadedDefinitions {
  readonly migrationsPath: string | undefined
}

/** The file of a project that names none. */
const CONFIG_FILE = 'tenax.config.ts'

const configSchema = z.strictObject({
  migrations: z.string().min(1).optional(),
  workflows: z.array(z.unknown()).optional(),
  events: z.array(z.unknown()).optional(),
})

const loadOnce: LoadModule = (path) => import(pathToFileURL(path).href)

/** The configuration file: the named one, or the usual one of this directory. */
export function configPathOf(named: string | undefined): string {
  return resolve(named ?? CONFIG_FILE)
}

/**
 * What a configuration says, relative to it. A named file must be there; the usual one may be absent.
 *
 * @throws TenaxError `config_invalid`
 */
export async function readProject(named: string | undefined, load: LoadModule = loadOnce): Promise<Project> {
  if (named === '') {
    throw new TenaxError('config_invalid', 'no configuration file is named: --config is empty', {
      hint: 'name a file, or leave --config out',
    })
  }
  const path = configPathOf(named)
  const name = basename(path)
  if (!existsSync(path)) {
    if (named === undefined) return { migrationsPath: undefined, workflows: [], events: [] }
    throw new TenaxError('config_invalid', `the configuration file ${name} is not there`)
  }
  if (statSync(path).isDirectory()) {
    throw new TenaxError('config_invalid', `${name} is a directory: name the ${CONFIG_FILE} in it`)
  }
  const module = await load(path).catch((error: unknown) => {
    throw new TenaxError('config_invalid', `${name} cannot be loaded: ${messageOf(error)}`, { cause: error })
  })
  const config = typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined
  if (config === undefined) {
    throw new TenaxError('config_invalid', `${name} has no default export`, { hint: 'export default defineConfig({})' })
  }
  const parsed = configSchema.safeParse(config)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new TenaxError('config_invalid', `${name} is not valid: ${issue?.path.join('.')}: ${issue?.message}`)
  }
  const { migrations, workflows, events } = parsed.data
  return {
    migrationsPath: migrations === undefined ? undefined : resolve(dirname(path), migrations),
    ...(await loadDefinitions({ workflows, events }, dirname(path), load)),
  }
}
