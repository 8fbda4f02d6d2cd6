/** Giving up a tenant's runs, so that its file can go to another process, and taking them on again (WORKFLOWS 28). */
import type { TenantId } from '@tenax/kernel'
import { Deaths, writePoisoned } from './deaths.ts'
import type { EngineParts } from './parts.ts'
import type { WorkflowsOptions } from './port.ts'
import type { Registry } from './registry.ts'
import type { Scheduler } from './scheduler.ts'

/** What an engine knows of the ends of processes, and of who runs alone. */
export function tenureParts(
  { lastEnd = { type: 'closed' }, clock, probation, only }: Omit<WorkflowsOptions, 'workflows' | 'events'>,
  registry: Registry,
): Pick<EngineParts, 'deaths' | 'probation' | 'only'> {
  return { deaths: new Deaths(lastEnd, registry, clock.nowMs()), probation, only }
}

/** Which tenants' runs an engine executes. */
export class Tenure {
  readonly #scheduler: Scheduler
  readonly #registry: Registry

  constructor(scheduler: Scheduler, registry: Registry) {
    this.#scheduler = scheduler
    this.#registry = registry
  }

  /** Gives up a tenant's runs until {@link occupy}; those in memory may come to rest for `patienceMs`, and are thrown away then. */
  vacate(tenant: TenantId, { patienceMs }: { readonly patienceMs: number }): Promise<void> {
    return this.#scheduler.vacate(tenant, patienceMs)
  }

  /** Takes a tenant's runs on again; `poisoned` has killed the process in which it ran alone, and is quarantined before anything runs. */
  async occupy(tenant: TenantId, poisoned?: { readonly run: string; readonly why: string }): Promise<void> {
    this.#scheduler.occupy(tenant)
    if (poisoned === undefined) return
    const { run: id, why } = poisoned
    // Its first commit: nothing of the tenant is claimed before it.
    const { durable } = await this.#scheduler
      .runner(tenant)
      .submit((file, effects) => writePoisoned(file, { id, why }, this.#registry, effects))
    await durable
  }
}
