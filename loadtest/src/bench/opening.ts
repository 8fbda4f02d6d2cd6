/** What tenants cost when they are made, when they are opened, and while they are open. */
import { join } from 'node:path'
import { type ProbeResult, runProbe } from '../probe-task.ts'
import { scratchDirectory } from './fixture.ts'

/** How many tenants are registered, and how many of them opened. */
export interface OpeningPlan {
  readonly tenantCount: number
  readonly openCount: number
}

/** Figures of the probe; sizes in bytes. */
export interface OpeningFigures extends OpeningPlan {
  readonly creating: ProbeResult
  /** With room for all. */
  readonly opening: ProbeResult
  /** Through a pool of {@link SMALL_POOL}: each open closes another tenant first. */
  readonly cycling: ProbeResult
  /** From the second half of the handles: the first use of the engine's threads costs memory once, and is not theirs. */
  readonly handleBytes: number
  /** What the first handles cost beyond that. */
  readonly firstUseBytes: number
  readonly emptyHostBytes: number
  readonly registeredBytesEach: number
  /** 100,000 registered tenants, 500 of them open: scaled from what was measured. */
  readonly scaledBytes: number
}

/** Handles of the pool that tenants are cycled through. */
export const SMALL_POOL = 16

const SCALED_TENANTS = 100_000
const SCALED_OPEN = 500

/** Measures in fresh processes, one after another. */
export async function measureOpening({ tenantCount, openCount }: OpeningPlan): Promise<OpeningFigures> {
  using scratch = scratchDirectory()
  const dataPath = join(scratch.path, 'data')
  const common = { dataPath, tenantCount, openCount }
  const empty = await runProbe({
    kind: 'open',
    dataPath: join(scratch.path, 'empty'),
    handlesMax: 8,
    tenantCount: 0,
    openCount: 0,
  })
  const creating = await runProbe({ ...common, kind: 'register', handlesMax: 64 })
  const madeCount = creating.count // fewer than asked for on a slow machine
  const opening = await runProbe({ ...common, kind: 'open', handlesMax: openCount + 8 })
  const cycling = await runProbe({ ...common, kind: 'open', handlesMax: SMALL_POOL })
  const half = Math.floor(openCount / 2)
  const handleBytes = (opening.afterBytes - opening.halfBytes) / (openCount - half)
  const firstUseBytes = Math.max(0, opening.halfBytes - opening.beforeBytes - handleBytes * half)
  const emptyHostBytes = empty.beforeBytes
  const registeredBytesEach = Math.max(0, opening.beforeBytes - emptyHostBytes) / madeCount
  return {
    tenantCount: madeCount,
    openCount,
    creating,
    opening,
    cycling,
    handleBytes,
    firstUseBytes,
    emptyHostBytes,
    registeredBytesEach,
    scaledBytes: emptyHostBytes + firstUseBytes + registeredBytesEach * SCALED_TENANTS + handleBytes * SCALED_OPEN,
  }
}
