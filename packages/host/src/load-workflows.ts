/** Finds the workflows that a configuration names. */
import { basename, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { messageOf, TenaxError } from '@tenax/kernel'
import type { Workflow } from '@tenax/workflow'

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
  const found = new Set<Workflow>()
  for (const entry of entries) {
    const loaded = typeof entry === 'string' ? await workflowsIn(resolve(directory, entry)) : [entry]
    for (const one of loaded) {
      if (!isWorkflow(one)) {
        throw new TenaxError('config_invalid', 'workflows lists something that is neither a path nor a workflow', {
          hint: "name a module, or what workflow() of 'tenax' has answered",
        })
      }
      found.add(one)
    }
  }
  return [...found]
}

async function workflowsIn(path: string): Promise<Workflow[]> {
  const module: unknown = await import(pathToFileURL(path).href).catch((error: unknown) => {
    throw new TenaxError('config_invalid', `${basename(path)} cannot be loaded: ${messageOf(error)}`, { cause: error })
  })
  const exported = typeof module === 'object' && module !== null ? Object.values(module) : []
  const workflows = exported.filter(isWorkflow)
  if (workflows.length > 0) return workflows
  throw new TenaxError('config_invalid', `${basename(path)} exports no workflow`, {
    hint: "export const hello = workflow({ name: 'hello', … }, async (ctx, input) => …)",
  })
}

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
