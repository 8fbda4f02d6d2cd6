/** What a run waits for, in words and as data: read from its record, so it says the same after a restart. */
import type { RunDetail, StepRecord } from '@tenax/engine'
import type { RunWait } from '@tenax/protocol'

/** What there is to say about one wait; the rest is null. */
type Saying = Pick<RunWait, 'type' | 'text'> & Partial<RunWait>

/** Everything that the run waits for; nothing when it has ended. */
export function runWaits(run: RunDetail, steps: readonly StepRecord[], nowMs: number): RunWait[] {
  if (run.endedAtMs !== undefined) return []
  const open = steps.filter(({ status }) => status === 'open').map((step) => stepWait(step, nowMs))
  const waits = [...blockedWaits(run), ...slotWaits(run), ...closingWaits(run), ...open]
  return waits.length > 0 ? waits : [turnWait(run, nowMs)]
}

function blockedWaits(run: RunDetail): RunWait[] {
  const { blockedReason, pausedAtMs, startedAtMs, createdAtMs } = run
  const operator = (text: string, sinceMs: number) => waitOf({ type: 'operator', text }, sinceMs)
  return [
    ...(blockedReason === undefined ? [] : [operator(`is blocked: ${blockedReason}`, startedAtMs ?? createdAtMs)]),
    ...(pausedAtMs === undefined ? [] : [operator('is paused', pausedAtMs)]),
  ]
}

function slotWaits({ slot, workflow, startedAtMs, createdAtMs }: RunDetail): RunWait[] {
  if (slot === undefined) return []
  const { key, aheadCount: ahead } = slot
  const ofKey = key === '' ? '' : ` with key "${key}"`
  const text = `waits for a slot of workflow "${workflow}"${ofKey}, behind ${ahead} ${ahead === 1 ? 'run' : 'runs'}`
  return [waitOf({ type: 'slot', text, key, ahead }, startedAtMs ?? createdAtMs)]
}

function closingWaits({ closingAs, startedAtMs, createdAtMs }: RunDetail): RunWait[] {
  if (closingAs === undefined) return []
  const text = `is ${closingAs} when its children have ended`
  return [waitOf({ type: 'child', text }, startedAtMs ?? createdAtMs)]
}

function turnWait({ status, createdAtMs, startAtMs, startedAtMs }: RunDetail, nowMs: number): RunWait {
  if (status === 'queued' && startAtMs > nowMs) {
    const dueAt = timeOf(startAtMs)
    return waitOf({ type: 'time', text: `starts at ${dueAt}`, dueAt }, createdAtMs)
  }
  const text = status === 'queued' ? 'waits for its turn to start' : 'runs now, or as soon as it gets a turn'
  return waitOf({ type: 'turn', text }, startedAtMs ?? createdAtMs)
}

function stepWait(step: StepRecord, nowMs: number): RunWait {
  const { identity, askedAtMs, attempts, error } = step
  const common = { step: identity, attempts, error: error ?? null }
  return waitOf({ ...common, ...sayingOf(step, nowMs) }, askedAtMs)
}

function sayingOf(step: StepRecord, nowMs: number): Saying {
  const { kind, identity, dueAtMs, attempts } = step
  const dueAt = dueAtMs === undefined ? null : timeOf(dueAtMs)
  switch (kind) {
    case 'sleep':
      return { type: 'time', text: `sleeps in "${identity}" until ${dueAt}`, dueAt }
    case 'wait':
      return eventSaying(step, dueAt)
    case 'child':
      return { type: 'child', text: `waits for its child run "${step.child}"`, run: step.child ?? null }
    case 'step': {
      const next = attempts + 1
      if (dueAtMs === undefined || dueAtMs <= nowMs)
        return { type: 'step', text: `attempt ${next} of step "${identity}" is under way or about to start` }
      return { type: 'step', text: `waits until ${dueAt} for attempt ${next} of step "${identity}"`, dueAt }
    }
    case 'tx':
    case 'sql':
    case 'send':
      return { type: 'turn', text: `is about to commit ${kind} "${identity}"` }
  }
}

function eventSaying({ event = '', key = '' }: StepRecord, dueAt: string | null): Saying {
  const withKey = key === '' ? '' : ` with key "${key}"`
  const until = dueAt === null ? '' : ` until ${dueAt}`
  const text = `waits for event "${event}"${withKey}${until}`
  return { type: 'event', text, dueAt, event, key: key === '' ? null : key }
}

function waitOf(saying: Saying, sinceMs: number): RunWait {
  const unsaid = {
    dueAt: null,
    step: null,
    event: null,
    key: null,
    ahead: null,
    run: null,
    attempts: null,
    error: null,
  }
  return { ...unsaid, ...saying, since: timeOf(sinceMs) }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
