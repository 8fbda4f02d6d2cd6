/** Replays the record of a run against code, dry: nothing is performed, nothing is recorded. For a user's CI (WORKFLOWS 24). */
import { TenaxError } from '@tenax/kernel'
import { Execution } from '@tenax/workflow/core'
import { parseHistory } from '../history-document.ts'
import type { AnyWorkflow } from '../port.ts'
import { shortHash } from '../registry.ts'
import { type ReplayCheck, verdictOn } from '../replay-check.ts'

/**
 * Whether `workflow` is code that the run of `history` can go on with: it asks for every operation that is recorded, in its
 * place and with its arguments. Steps and `tx` are not run: their recorded results are given. Code that awaits anything else
 * than its context has diverged.
 *
 * @throws TenaxError `argument_invalid` (no history, which says what is wrong with it, or of another workflow), `data_format_newer`
 * @example
 * const check = await checkReplay(JSON.parse(await readFile('trial-history.json', 'utf8')), trial)
 * expect(check).toMatchObject({ ok: true })
 */
export async function checkReplay(history: unknown, workflow: AnyWorkflow): Promise<ReplayCheck> {
  const { run, tenant, operations } = parseHistory(history)
  if (typeof workflow?.body !== 'function') {
    throw new TenaxError('argument_invalid', 'checkReplay() needs a workflow with its function, as workflow() gives it')
  }
  if (run.workflow !== workflow.name) {
    throw new TenaxError('argument_invalid', `the history is of a run of "${run.workflow}", not of "${workflow.name}"`)
  }
  const { outputCount, patches, cancelledAfter, skipped } = run
  const origin = run.predecessor ?? run.origin
  const execution = new Execution({
    body: workflow.body,
    inputJson: run.inputJson,
    run: { id: run.id, tenant, ...(origin === undefined ? {} : { origin }) },
    seed: run.seed,
    startedAtMs: run.startedAtMs,
    history: { operations, outputCount, patches, cancelledAfter, skipped },
    isCancelled: run.isCancelRequested,
    macrotask: () => new Promise((resolve) => setImmediate(resolve)),
    hash: shortHash,
  })
  try {
    return verdictOn(await execution.replay())
  } finally {
    execution.discard()
  }
}
