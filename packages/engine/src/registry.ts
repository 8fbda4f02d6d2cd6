/** The workflows that a host has loaded. */
import { hash } from 'node:crypto'
import { TenaxError } from '@tenax/kernel'
import { retentionMsOf } from './lifetime.ts'
import { RETENTION_MS_DEFAULT } from './limits.ts'
import type { AnyEvent, AnyWorkflow, Definitions } from './port.ts'

/** A short stable hash of a text: 16 hexadecimal digits. */
export function shortHash(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 16)
}

interface Loaded {
  readonly workflow: AnyWorkflow
  readonly codeHash: string
}

/** Definitions by name; workflows with the hash of their code: what decides whether a blocked run is tried again (WORKFLOWS 24). */
export class Registry {
  #workflows: ReadonlyMap<string, Loaded>
  #events: ReadonlyMap<string, AnyEvent>
  #retentionMsMin: number

  /** @throws TenaxError `config_invalid` when two have one name */
  constructor(workflows: readonly AnyWorkflow[], events: readonly AnyEvent[] = []) {
    this.#workflows = workflowsByName(workflows, '')
    this.#events = eventsByName(events)
    this.#retentionMsMin = shortestOf(workflows)
  }

  /**
   * Takes these in place of all others. `salt` makes every hash another one: code that a function calls has no hash of its own.
   *
   * @throws TenaxError `config_invalid` when two have one name; then nothing has changed
   */
  replace(definitions: Definitions, salt: string): void {
    const workflows = workflowsByName(definitions.workflows, salt)
    this.#events = eventsByName(definitions.events)
    this.#workflows = workflows
    this.#retentionMsMin = shortestOf(definitions.workflows)
  }

  /** The event of this name, if its definition is loaded. */
  event(name: string): AnyEvent | undefined {
    return this.#events.get(name)
  }

  /** The shortest time that a run may be kept: a run that is younger is. */
  get retentionMsMin(): number {
    return this.#retentionMsMin
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

  /** How many runs of it may hold a slot of one key; undefined when it has no such limit, or is not loaded. */
  slotCountMax(name: string): number | undefined {
    return this.find(name)?.def.limits?.concurrency?.max
  }

  /** True when a workflow has slots. */
  get hasSlots(): boolean {
    return [...this.#workflows.values()].some(({ workflow }) => workflow.def.limits?.concurrency !== undefined)
  }

  /** True when other code of it is loaded than this. A workflow that is not loaded is no other code. */
  hasOtherCode({ workflow, codeHash }: { readonly workflow: string; readonly codeHash: string }): boolean {
    const loaded = this.#workflows.get(workflow)
    return loaded !== undefined && loaded.codeHash !== codeHash
  }

  /** Of a workflow that is not loaded: the empty text. */
  codeHash(name: string): string {
    return this.#workflows.get(name)?.codeHash ?? ''
  }
}

function shortestOf(workflows: readonly AnyWorkflow[]): number {
  return workflows.reduce((least, workflow) => Math.min(least, retentionMsOf(workflow)), RETENTION_MS_DEFAULT)
}

function workflowsByName(workflows: readonly AnyWorkflow[], salt: string): ReadonlyMap<string, Loaded> {
  const byName = new Map<string, Loaded>()
  for (const workflow of workflows) {
    if (byName.has(workflow.name)) {
      throw new TenaxError('config_invalid', `two workflows are named "${workflow.name}"`, { hint: 'rename one' })
    }
    const codeHash = shortHash(`${salt}${workflow.def.version ?? ''}\n${String(workflow.body)}`)
    byName.set(workflow.name, { workflow, codeHash })
  }
  return byName
}

/** One definition may come by several ways. */
function eventsByName(events: readonly AnyEvent[]): ReadonlyMap<string, AnyEvent> {
  const byName = new Map<string, AnyEvent>()
  for (const event of new Set(events)) {
    if (byName.has(event.name)) {
      throw new TenaxError('config_invalid', `two events are named "${event.name}"`, {
        hint: 'define it once, and import it where it is needed',
      })
    }
    byName.set(event.name, event)
  }
  return byName
}
