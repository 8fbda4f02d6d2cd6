/**
 * Runs that processes died with are tried alone, one at a time on a host (WORKFLOWS 28): the tenant's runs are given up, its
 * file is lent to a process of its own, and taken back when that has ended.
 *
 *   waiting ──its turn──► away ──the run went on, ended, waits, or took too long──► its host's again
 *                           └────its process died──► poisoned
 */
import type { ProbationPort, Workflows } from '@tenax/engine'
import { isTenaxError, messageOf, sleep, type TenantId } from '@tenax/kernel'
import type { Tenancy } from '@tenax/tenancy'
import { PROBATION_REST_MS, VACATE_MS } from '../limits.ts'
import type { HostSettings } from '../options.ts'
import { type Alone, type AloneEnd, tryAlone } from './alone.ts'

/** Something that an operator should know. */
export type ProbationEvent =
  | {
      readonly type: 'probation_began'
      readonly tenant: TenantId
      readonly run: string
      readonly pid: number | undefined
    }
  /**
   * `over`: it ended, or waits. `stopped`: it took too long, and is tried again later. `died`: it is put aside as `poisoned`.
   * `unfit`: it could not be tried, and is tried again later.
   */
  | {
      readonly type: 'probation_ended'
      readonly tenant: TenantId
      readonly run: string
      readonly end: AloneEnd['type']
      readonly reason?: string
    }

interface Parts {
  readonly tenancy: Tenancy
  readonly workflows: Workflows
}

interface Waiting {
  readonly tenant: TenantId
  readonly run: string
}

/** The runs of one host that are to be tried alone. */
export class Probation implements ProbationPort {
  readonly #settings: HostSettings
  readonly #how: NonNullable<HostSettings['probation']>
  readonly #queue = new Map<string, Waiting>()
  #parts: Parts | undefined
  #working: Promise<void> | undefined
  #alone: Alone | undefined
  #isClosing = false

  constructor(settings: HostSettings, how: NonNullable<HostSettings['probation']>) {
    this.#settings = settings
    this.#how = how
  }

  /** Begins to try what was added, now that there is somebody to take it from. */
  begin(parts: Parts): void {
    this.#parts = parts
    this.#work()
  }

  add(tenant: TenantId, run: string): void {
    this.#queue.set(`${tenant}/${run}`, { tenant, run })
    this.#work()
  }

  /** Stops what is under way; it is tried again by the next start. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#alone?.stop()
    await this.#working
  }

  #work(): void {
    if (this.#parts === undefined || this.#isClosing) return
    this.#working ??= this.#tryAll(this.#parts).finally(() => {
      this.#working = undefined
    })
  }

  async #tryAll(parts: Parts): Promise<void> {
    for (let next = first(this.#queue); next !== undefined && !this.#isClosing; next = first(this.#queue)) {
      const [key, waiting] = next
      const end = await this.#tryOne(parts, waiting).catch((error: unknown) => unfit(error))
      this.#queue.delete(key)
      const reason = end.type === 'died' ? end.why : end.type === 'unfit' ? end.reason : undefined
      this.#settings.onEvent({
        ...{ type: 'probation_ended', ...waiting, end: end.type },
        ...(reason === undefined ? {} : { reason }),
      })
      // What could not be tried is claimed, and set aside, again; its tenant serves meanwhile.
      if (end.type === 'unfit' || end.type === 'stopped') await this.#rest()
    }
  }

  async #tryOne({ tenancy, workflows }: Parts, { tenant, run }: Waiting): Promise<AloneEnd> {
    await workflows.tenure.vacate(tenant, { patienceMs: VACATE_MS })
    let end: AloneEnd = { type: 'stopped' }
    try {
      end = await tenancy.lend(tenant, (directory) => this.#inProcess(directory, { tenant, run }))
      return end
    } finally {
      const poisoned = end.type === 'died' ? { run, why: end.why } : undefined
      await workflows.tenure.occupy(tenant, poisoned)
    }
  }

  #inProcess(directory: string, { tenant, run }: Waiting): Promise<AloneEnd> {
    const { clock, stallKillMs, onEvent } = this.#settings
    if (this.#isClosing) return Promise.resolve({ type: 'stopped' })
    const alone = tryAlone({ ...this.#how, directory, tenant, run, stallKillMs, clock })
    this.#alone = alone
    onEvent({ type: 'probation_began', tenant, run, pid: alone.pid })
    return alone.ended
  }

  async #rest(): Promise<void> {
    for (let restedMs = 0; restedMs < PROBATION_REST_MS && !this.#isClosing; restedMs += 100) {
      await sleep(this.#settings.clock, 100)
    }
  }
}

function first(queue: ReadonlyMap<string, Waiting>): [string, Waiting] | undefined {
  for (const entry of queue) return entry
  return undefined
}

function unfit(error: unknown): AloneEnd {
  return { type: 'unfit', reason: isTenaxError(error) ? `${error.code}: ${error.message}` : messageOf(error) }
}
