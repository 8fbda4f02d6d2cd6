/** Commits per second with the ledger, beside files that each sync for themselves and files that do not sync at all. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '@tenax/kernel'
import { type Handle, openUnlogged } from '@tenax/tenancy'
import { scratchDirectory } from '../bench/fixture.ts'
import { waitedMs } from '../proc-files.ts'
import { median, percentile } from '../statistics.ts'
import { DiskProbe } from './disk-probe.ts'
import { FILE_SETTINGS, holdTenants, insert, openTenancy, prepareAll } from './host.ts'

/** How much. */
export interface RatePlan {
  readonly tenantCount: number
  readonly inFlight: number
  readonly rounds: number
  readonly sliceMs: number
  readonly warmUpMs: number
  readonly aloneCount: number
}

/** The sides of the comparison: the product, and the same engine without a ledger. */
export const SIDES = ['ledger', 'full', 'off'] as const

/** One of {@link SIDES}. */
export type Side = (typeof SIDES)[number]

/** Medians over the rounds. */
export interface RateRow {
  readonly side: Side
  readonly commitsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor time of the whole process for one commit. */
  readonly processorUs: number
  /** Processor time of the event loop alone: what the next commit waits for, whoever else is on the machine. */
  readonly loopUs: number
  /** What one commit's share of a slice is when nobody else takes the processor: the loop runs, or has nothing to do. */
  readonly quietUs: number
  /** The same ratio as below, of `quietUs`: what a quiet machine would show, though the disk may be others' as well. */
  readonly ledgerToThisQuiet: number
  /** Median of the rounds' ratios: the ledger's commits per second by this side's. */
  readonly ledgerToThis: number
}

/** Latency of one commit with nothing else under way, beside the disk's own. */
export interface AloneFigures {
  readonly commitMs: readonly number[]
  readonly syncMs: readonly number[]
  readonly preparedSyncMs: readonly number[]
}

interface Slice {
  readonly side: Side
  readonly round: number
  readonly commitsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly processorUs: number
  readonly loopUs: number
  readonly quietUs: number
}

/** Runs all sides in turns, forwards and backwards, then one commit at a time. */
export async function measureRates(plan: RatePlan): Promise<{ rows: RateRow[]; alone: AloneFigures }> {
  using scratch = scratchDirectory()
  const tenancy = await openTenancy(join(scratch.path, 'ledger'), plan.tenantCount + 8)
  const held = await holdTenants(tenancy, plan.tenantCount)
  const sides = { ledger: held.handles, full: await openSide('full'), off: await openSide('off') }
  for (const side of SIDES) await runSlice(sides[side], { ...plan, sliceMs: plan.warmUpMs })
  const slices: Slice[] = []
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const side of round % 2 === 0 ? SIDES : SIDES.toReversed()) {
      slices.push({ side, round, ...(await runSlice(sides[side], plan)) })
    }
  }
  const alone = await measureAlone(scratch.path, held.handles, plan.aloneCount)
  await held.release()
  await Promise.all([...sides.full, ...sides.off].map((handle) => handle.close('drain')))
  await tenancy.close()
  return { rows: SIDES.map((side) => rowOf(slices, side)), alone }

  async function openSide(synchronous: 'full' | 'off'): Promise<Handle[]> {
    const directory = join(scratch.path, synchronous)
    mkdirSync(directory)
    const { tenantCount: count } = plan
    const handles = openUnlogged({ directory, count, synchronous, settings: FILE_SETTINGS, clock: systemClock })
    await prepareAll(handles)
    return handles
  }
}

async function runSlice(handles: readonly Handle[], { inFlight, sliceMs }: RatePlan) {
  const latenciesMs: number[] = []
  const processor = process.cpuUsage()
  const loop = process.threadCpuUsage()
  const waitedBeforeMs = waitedMs(process.pid)
  const startMs = performance.now()
  const endMs = startMs + sliceMs
  let next = 0
  const work = async () => {
    for (let beganMs = startMs; beganMs < endMs; ) {
      const index = next++
      const handle = handles[index % handles.length]
      if (handle === undefined) throw new Error('there are handles')
      beganMs = performance.now()
      await insert(handle, index)
      latenciesMs.push(performance.now() - beganMs)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work))
  const elapsedMs = performance.now() - startMs
  const waited = waitedMs(process.pid) - waitedBeforeMs
  const [all, own] = [process.cpuUsage(processor), process.threadCpuUsage(loop)]
  const sorted = Float64Array.from(latenciesMs).sort()
  return {
    commitsPerSecond: (sorted.length / elapsedMs) * 1000,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    processorUs: (all.user + all.system) / sorted.length,
    loopUs: (own.user + own.system) / sorted.length,
    quietUs: ((elapsedMs - waited) * 1000) / sorted.length,
  }
}

function rowOf(slices: readonly Slice[], side: Side): RateRow {
  const own = slices.filter((slice) => slice.side === side)
  const ledgerOf = (slice: Slice) => slices.find((other) => other.side === 'ledger' && other.round === slice.round)
  const middle = (read: (slice: Slice) => number) => median(own.map(read))
  return {
    side,
    commitsPerSecond: middle((slice) => slice.commitsPerSecond),
    p50Ms: middle((slice) => slice.p50Ms),
    p99Ms: middle((slice) => slice.p99Ms),
    processorUs: middle((slice) => slice.processorUs),
    loopUs: middle((slice) => slice.loopUs),
    quietUs: middle((slice) => slice.quietUs),
    ledgerToThisQuiet: middle((slice) => slice.quietUs / (ledgerOf(slice)?.quietUs ?? Number.NaN)),
    ledgerToThis: middle((slice) => (ledgerOf(slice)?.commitsPerSecond ?? Number.NaN) / slice.commitsPerSecond),
  }
}

/** Commits one by one, in turn with syncs of files of the same disk, so that all meet the same neighbours. */
async function measureAlone(directory: string, handles: readonly Handle[], count: number): Promise<AloneFigures> {
  using disk = new DiskProbe(directory)
  const figures = { commitMs: [] as number[], syncMs: [] as number[], preparedSyncMs: [] as number[] }
  for (let index = 0; index < count; index += 1) {
    const handle = handles[index % 4]
    if (handle === undefined) throw new Error('there are handles')
    const startMs = performance.now()
    await insert(handle, index)
    figures.commitMs.push(performance.now() - startMs)
    figures.syncMs.push(disk.append())
    figures.preparedSyncMs.push(disk.overwrite())
  }
  return figures
}
