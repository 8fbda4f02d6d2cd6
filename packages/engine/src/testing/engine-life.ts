/**
 * One life of an engine over a tenant in memory: from its start until it is thrown away as a crash would, with what it knew.
 * The file, the hint of the catalog and what the outside has seen outlive it.
 */
import type { Handle } from '@tenax/tenancy'
import type { AnyWorkflow, EngineEvent } from '../port.ts'
import type { RunningStep } from '../seams.ts'
import type { EngineHandle, EngineTenancy } from '../tenancy-port.ts'
import { Workflows } from '../workflows.ts'
import { Activity } from './activity.ts'
import type { SeededIds } from './seeded-ids.ts'
import type { StepCalls } from './step-calls.ts'
import type { ClockFace, VirtualClock } from './virtual-clock.ts'

/** Where an engine dies: instead of its commit of this number, or right behind it. */
export interface CrashPoint {
  readonly commit: number
  readonly when: 'before' | 'after'
}

/** What outlives a crash. */
export interface MemoryTenant {
  readonly handle: Handle
  readonly clock: VirtualClock
  readonly ids: SeededIds
  /** The code that the next engine has. */
  workflows: readonly AnyWorkflow[]
  readonly calls: StepCalls
  /** The wake hint of its catalog row. */
  wakeAtMs: number | undefined
  /** Commits of the engine so far. */
  commitCount: number
  crash: CrashPoint | undefined
}

class Crashed extends Error {}

/** An engine at work. */
export class EngineLife {
  readonly activity = new Activity()
  readonly workflows: Workflows
  /** Resolves when it is over. */
  readonly over: Promise<void>
  /** What the engine could not do, although nobody crashed it. */
  failure: unknown
  readonly #tenant: MemoryTenant
  readonly #clock: ClockFace
  readonly #tellOver: () => void
  #isOver = false

  constructor(tenant: MemoryTenant) {
    this.#tenant = tenant
    this.#clock = tenant.clock.face()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.over = promise
    this.#tellOver = resolve
    this.workflows = Workflows.create({
      tenancy: this.#tenancy(),
      clock: this.#clock,
      ...{ randomId: tenant.ids.draw, workflows: tenant.workflows },
      onEvent: (event) => this.#heard(event),
      seams: {
        macrotask: () => this.activity.during('replay', () => new Promise((resolve) => setImmediate(resolve))),
        runStep: (step, attempt) => this.#run(step, attempt),
        // Nobody else changes this tenant, and its clock does not jump.
        lookMsMax: Number.POSITIVE_INFINITY,
        // Its stopwatch stands still.
        lookRestMs: 0,
        blockedLookMs: Number.POSITIVE_INFINITY,
      },
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Ends it at once: what it has not committed never happened. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#clock.drop()
    this.workflows.close().catch(() => undefined) // nobody is left to hear it
    this.activity.end()
    this.#tellOver()
  }

  #tenancy(): EngineTenancy {
    const handle = this.#handle()
    return {
      use: (_tenant, fn) =>
        this.activity.during('the file', () => {
          if (this.#isOver) throw new Crashed('the engine is gone')
          return fn(handle)
        }),
      setWake: async (_tenant, wakeAtMs) => {
        if (!this.#isOver) this.#tenant.wakeAtMs = wakeAtMs
      },
      dueTenants: (nowMs) => {
        const { wakeAtMs, handle } = this.#tenant
        return wakeAtMs === undefined || wakeAtMs > nowMs ? [] : [{ id: handle.record.id, wakeAtMs }]
      },
    }
  }

  #handle(): EngineHandle {
    const { handle } = this.#tenant
    return {
      meta: handle.meta,
      commit: async (body) => {
        const commit = this.#tenant.commitCount + 1
        this.#crashAt({ commit, when: 'before' })
        const value = await handle.commit(body)
        this.#tenant.commitCount = commit
        this.#crashAt({ commit, when: 'after' })
        return value
      },
      read: (body) => handle.read(body),
      gated: (work) => handle.gated(work),
      wayOut: () => handle.wayOut(),
      settled: () => handle.settled(),
    }
  }

  #crashAt({ commit, when }: CrashPoint): void {
    const { crash } = this.#tenant
    if (crash?.commit !== commit || crash.when !== when) return
    this.#tenant.crash = undefined
    this.end()
    throw new Crashed(`crashed ${when} commit ${commit}`)
  }

  #heard(event: EngineEvent): void {
    if (event.type === 'tenant_stalled' && !this.#isOver) this.failure ??= event.error
  }

  async #run(step: RunningStep, attempt: Parameters<StepCalls['run']>[1]): Promise<unknown> {
    const { calls, handle } = this.#tenant
    const { activity } = this
    return calls.run(step, attempt, { activity, clock: this.#clock, file: handle.file })
  }
}
