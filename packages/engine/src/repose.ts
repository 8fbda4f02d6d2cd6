/** When a tenant whose runs have all come to rest leaves memory: not at once, and not for what is due in the moment after. */
import { earliest } from './earliest.ts'
import type { Backlog } from './store/claims.ts'

/** How a runner at rest stands. */
export interface Repose {
  readonly nowMs: number
  /** When it last had work, and how long it stays behind that. */
  readonly busyAtMs: number
  readonly lingerMs: number
  readonly backlog: Backlog | undefined
  /** When work is due that is no run's. */
  readonly choreMs: number | undefined
}

/** When it is to be asked whether it goes; undefined: when what is due has been seen to. */
export function leaveMs(repose: Repose): number | undefined {
  const atMs = Math.max(repose.busyAtMs + repose.lingerMs, repose.nowMs)
  return isDueBy(repose, atMs + repose.lingerMs) ? undefined : atMs
}

/** True when nothing keeps it. */
export function mayLeave(repose: Repose): boolean {
  const { nowMs, busyAtMs, lingerMs, backlog } = repose
  if (backlog === undefined || backlog.hasReady || nowMs < busyAtMs + lingerMs) return false
  return !isDueBy(repose, nowMs + lingerMs)
}

function isDueBy({ backlog, choreMs }: Repose, atMs: number): boolean {
  return (earliest([backlog?.nextDueMs, choreMs]) ?? Number.POSITIVE_INFINITY) <= atMs
}
