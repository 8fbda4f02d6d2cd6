/** Answers that say nothing of a tenant's data. */
import { type ErrorCode, isTenaxError } from '@tenax/kernel'

const REFUSALS: readonly ErrorCode[] = ['overloaded', 'storage_full', 'unavailable']

/**
 * True for an answer that refuses because the host has no room or no time. It has shown nothing that a crash could take back,
 * so it need not wait at the gate: on a stalled disk it would wait with the very commits that it is to make room for.
 */
export function isRefusal(error: unknown): boolean {
  return REFUSALS.some((code) => isTenaxError(error, code))
}
