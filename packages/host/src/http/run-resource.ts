/** Runs and their operations as the contract shows them. */
import type { RunDetail as EngineRun, RunRecord, StepRecord } from '@tenax/engine'
import {
  RUN_STEPS_MAX,
  type Run,
  type RunDetail,
  type RunResult,
  type RunStep,
  STEP_RESULT_BYTES_MAX,
} from '@tenax/protocol'
import { runWaits } from '../run-waits.ts'

/** A run in a list. */
export function runResource(run: RunRecord): Run {
  const { id, workflow, version, status, priority, blockedReason, parent, predecessor, successor, origin } = run
  return {
    ...{ id, workflow, version: version ?? null, status, priority },
    createdAt: timeOf(run.createdAtMs),
    startAt: timeOf(run.startAtMs),
    startedAt: timeOrNull(run.startedAtMs),
    endedAt: timeOrNull(run.endedAtMs),
    cancelRequestedAt: timeOrNull(run.cancelRequestedAtMs),
    pausedAt: timeOrNull(run.pausedAtMs),
    blockedReason: blockedReason ?? null,
    ...{
      parent: parent ?? null,
      predecessor: predecessor ?? null,
      successor: successor ?? null,
      origin: origin ?? null,
    },
  }
}

/** A run with what it came to. */
export function resultResource(run: EngineRun): RunResult {
  const { input = null, output = null, error = null, values } = run
  return { ...runResource(run), input, output, error, values: { ...values } }
}

/** A run with its operations and what it waits for. */
export function detailResource(run: EngineRun, steps: readonly StepRecord[], nowMs: number): RunDetail {
  return {
    ...resultResource(run),
    steps: steps.slice(-RUN_STEPS_MAX).map(stepResource),
    stepCount: steps.at(-1)?.seq ?? 0, // they are numbered without gaps
    waitsFor: runWaits(run, steps, nowMs),
  }
}

function stepResource(step: StepRecord): RunStep {
  const { seq, identity, kind, status, attempts, event, key, child, result = null, error } = step
  const resultOmitted = result !== null && Buffer.byteLength(JSON.stringify(result)) > STEP_RESULT_BYTES_MAX
  return {
    ...{ seq, identity, kind, status, attempts },
    askedAt: timeOf(step.askedAtMs),
    completedAt: timeOrNull(step.completedAtMs),
    dueAt: timeOrNull(step.dueAtMs),
    ...{ event: event ?? null, key: key ?? null, child: child ?? null },
    result: resultOmitted ? null : result,
    resultOmitted,
    error: error ?? null,
  }
}

function timeOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : timeOf(ms)
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
