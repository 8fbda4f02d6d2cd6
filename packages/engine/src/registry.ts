/** The workflows that a host has loaded. */
import { hash } from 'node:crypto'
import { TenaxError } from '@tenax/kernel'
import type { AnyWorkflow } from './port.ts'

/** A short stable hash of a text: 16 hexadecimal digits. */
export function shortHash(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 16)
}

/** Definitions by name, each with the hash of its code: what decides whether a blocked run is tried again (WORKFLOWS 24). */
export class Registry {
  readonly #workflows = new Map<string, { readonly workflow: AnyWorkflow; readonly codeHash: string }>()

  /** @throws TenaxError `config_invalid` when two have one name */
  constructor(workflows: readonly AnyWorkflow[]) {
    for (const workflow of workflows) {
      if (this.#workflows.has(workflow.name)) {
        throw new TenaxError('config_invalid', `two workflows are named "${workflow.name}"`, { hint: 'rename one' })
      }
      const codeHash = shortHash(`${workflow.def.version ?? ''}\n${String(workflow.body)}`)
      this.#workflows.set(workflow.name, { workflow, codeHash })
    }
  }

  names(): readonly string[] {
    return [...this.#workflows.keys()].sort()
  }

  find(name: string): AnyWorkflow | undefined {
    return this.#workflows.get(name)?.workflow
  }

  /** @throws TenaxError `workflow_unknown` */
  require(name: string): AnyWorkflow {
    const found = this.find(name)
    if (found !== undefined) return found
    throw new TenaxError('workflow_unknown', `no workflow "${name}" is loaded`, {
      hint: 'name it in the configuration of the host',
      details: { workflows: this.names() },
    })
  }

  /** Of a workflow that is not loaded: the empty text. */
  codeHash(name: string): string {
    return this.#workflows.get(name)?.codeHash ?? ''
  }
}
