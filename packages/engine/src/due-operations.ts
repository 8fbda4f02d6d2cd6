/** Sleeps and waits of a run in memory whose time is up. */
import type { Outcome } from '@tenax/workflow/core'
import type { AttemptsOwner } from './step-attempts.ts'
import { settle } from './store/steps.ts'

type DueOwner = Pick<AttemptsOwner, 'open' | 'recorder' | 'number' | 'settled' | 'lost'>

/** Sees to whatever is due by `nowMs`, once. */
export function settleDue(owner: DueOwner, nowMs: number): void {
  for (const operation of owner.open.due(nowMs)) {
    operation.isHandled = true
    const { seq, spec } = operation.asked
    if (spec.kind === 'sleep') owner.settled(seq, OK, 0)
    else timeOut(owner, seq)
  }
}

/** The timeout is decided where events are given out, so that one that came in time wins (WORKFLOWS 16). */
function timeOut(owner: DueOwner, seq: number): void {
  owner.recorder
    .submit((file, effects) => {
      const run = owner.number()
      if (run !== undefined) settle(file, { run, seq, outcome: OK }, effects)
    })
    .catch(() => owner.lost())
}

const OK: Outcome = { type: 'ok', json: undefined }
