/** Finds the workflows and events that a configuration names. */
import { basename, dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { messageOf, TenaxError } from '@tenax/kernel'
import type { EventDef, Workflow } from '@tenax/workflow'

/** What a configuration names: definitions, and modules that export them. */
export interface DefinitionEntries {
  readonly workflows?: readonly unknown[] | undefined
  readonly events?: readonly unknown[] | undefined
}

/** What was found, each once. */
export interface LoadedDefinitions {
  readonly workflows: readonly Workflow[]
  /** Those that are named, and those that the named modules export. */
  readonly events: readonly EventDef<unknown>[]
}

/**
 * The workflows in `entries`, in their order: definitions as they are, and every definition that a named module exports.
 * Paths are relative to `directory`. Node strips the types of `.ts` modules.
 *
 * @throws TenaxError `config_invalid` for a module that does not load or exports no workflow, and for anything else
 * @example
 * const workflows = await loadWorkflows(['./workflows/trial.ts'], import.meta.dirname)
 * const tenax = await createTenax({ data: './data', workflows })
 */
export async function loadWorkflows(entries: readonly unknown[], directory: string): Promise<Workflow[]> {
  return [...(await loadDefinitions({ workflows: entries }, directory)).workflows]
}

/**
 * What the module at `path` names: what it exports, or, as a `tenax.config.ts` does, what its default export lists.
 *
 * @throws TenaxError `config_invalid`
 */
export async function definitionsOfModule(path: string): Promise<LoadedDefinitions> {
  const module: unknown = await import(pathToFileURL(path).href)
  const config = typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined
  if (typeof config === 'object' && config !== null) return loadDefinitions(config, dirname(path))
  return loadDefinitions({ workflows: [path] }, dirname(path))
}

/**
 * As {@link loadWorkflows}, with the events: those that are named, and those that any named module exports. `load` imports a
 * module; by default once per path, as `import` does.
 *
 * @throws TenaxError `config_invalid`
 * @example
 * const definitions = await loadDefinitions({ workflows: ['./workflows/trial.ts'] }, import.meta.dirname)
 * const tenax = await createTenax({ data: './data', ...definitions })
 */
export async function loadDefinitions(
  { workflows = [], events = [] }: DefinitionEntries,
  directory: string,
  load: LoadModule = loadOnce,
): Promise<LoadedDefinitions> {
  const found = { workflows: new Set<Workflow>(), events: new Set<EventDef<unknown>>() }
  for (const entry of workflows) {
    if (typeof entry === 'string') await take(found, { path: resolve(directory, entry), kind: 'workflow', load })
    else if (isWorkflow(entry)) found.workflows.add(entry)
    else throw neither('workflow', "'./workflows/hello.ts', or what workflow() of 'tenax' has answered")
  }
  for (const entry of events) {
    if (typeof entry === 'string') await take(found, { path: resolve(directory, entry), kind: 'event', load })
    else if (isEvent(entry)) found.events.add(entry)
    else throw neither('event', "'./events.ts', or what event() of 'tenax' has answered")
  }
  return { workflows: [...found.workflows], events: [...found.events] }
}

/** Gives what the module at `path` exports. */
export type LoadModule = (path: string) => Promise<unknown>

const loadOnce: LoadModule = (path) => import(pathToFileURL(path).href)

type Kind = 'workflow' | 'event'

interface Found {
  readonly workflows: Set<Workflow>
  readonly events: Set<EventDef<unknown>>
}

function neither(kind: Kind, hint: string): TenaxError {
  const message = `${kind}s lists something that is neither a path nor ${kind === 'event' ? 'an' : 'a'} ${kind}`
  return new TenaxError('config_invalid', message, { hint: `name ${hint}` })
}

interface Source {
  readonly path: string
  readonly kind: Kind
  readonly load: LoadModule
}

/** Takes all that a module exports; at least one of it is of the kind that it was named for. */
async function take(found: Found, { path, kind, load }: Source): Promise<void> {
  const module = await load(path).catch((error: unknown) => {
    throw new TenaxError('config_invalid', `${basename(path)} cannot be loaded: ${messageOf(error)}`, { cause: error })
  })
  const exported: unknown[] = typeof module === 'object' && module !== null ? Object.values(module) : []
  const workflows = exported.filter(isWorkflow)
  const events = exported.filter(isEvent)
  for (const workflow of workflows) found.workflows.add(workflow)
  for (const event of events) found.events.add(event)
  if ((kind === 'workflow' ? workflows : events).length > 0) return
  throw new TenaxError('config_invalid', `${basename(path)} exports no ${kind}`, { hint: EXPORTS[kind] })
}

const EXPORTS = {
  workflow: "export const hello = workflow({ name: 'hello', … }, async (ctx, input) => …)",
  event: "export const approved = event('approved', …)",
} as const

/** True for what `workflow()` answers. */
export function isWorkflow(value: unknown): value is Workflow {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'body' in value &&
    typeof value.body === 'function' &&
    'def' in value
  )
}

/** True for what `event()` answers. */
export function isEvent(value: unknown): value is EventDef<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    '~schema' in value &&
    !('body' in value)
  )
}
