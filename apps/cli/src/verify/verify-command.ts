/** `tenax verify`: snapshots are restored to scratch files by the server and checked, one after another. */
import type { SnapshotProof } from '@tenax/client'
import { isTenaxError, messageOf } from '@tenax/kernel'
import { CliError } from '../failure.ts'
import { type CommandContext, print, printJson } from '../io.ts'
import { escapeControls, formatBytes } from '../table.ts'

/** What became of one tenant's snapshot. */
type Verdict =
  | { readonly id: string; readonly proof: SnapshotProof }
  | { readonly id: string; readonly code: string; readonly reason: string }

/** Failures in a row that say nothing of a snapshot, at which the rest is not tried: the server or its store is away. */
const AWAY_MAX = 3

/** One tenant. Throws what the server answers. */
export async function verifyOne({ client, io, json }: CommandContext, id: string): Promise<void> {
  const proof = await client.tenants.verify(id)
  if (json) printJson(io, proof)
  else print(io, verdictText({ id, proof }))
}

/** @throws CliError `checks_failed` when a snapshot is damaged or could not be proven */
export async function verifyAll(context: CommandContext): Promise<void> {
  const { client, io, json } = context
  const verdicts: Verdict[] = []
  let withoutSnapshot = 0
  let awayCount = 0
  for await (const { id } of client.tenants.all()) {
    const verdict = await verdictOf(context, id)
    if (verdict === undefined) {
      withoutSnapshot += 1
      continue
    }
    verdicts.push(verdict)
    if (!json) print(io, verdictText(verdict))
    awayCount = 'proof' in verdict || verdict.code === 'snapshot_damaged' ? 0 : awayCount + 1
    if (awayCount === AWAY_MAX) break
  }
  report(context, { verdicts, withoutSnapshot })
}

/** Undefined for a tenant that has no snapshot, or is no more. What is no matter of this tenant is thrown. */
async function verdictOf({ client }: CommandContext, id: string): Promise<Verdict | undefined> {
  try {
    return { id, proof: await client.tenants.verify(id) }
  } catch (error) {
    if (!isTenaxError(error)) throw error
    const { code, kind } = error
    if (code === 'snapshot_not_found' || code === 'tenant_not_found') return undefined
    const isOfThisOne = kind === 'conflict' || kind === 'unavailable' || kind === 'overloaded' || kind === 'quota'
    if (!isOfThisOne) throw error
    return { id, code, reason: messageOf(error) }
  }
}

function report(
  { io, json }: CommandContext,
  { verdicts, withoutSnapshot }: { readonly verdicts: readonly Verdict[]; readonly withoutSnapshot: number },
): void {
  const failed = verdicts.filter((verdict) => !('proof' in verdict)).length
  const proven = verdicts.length - failed
  if (json) printJson(io, { ok: failed === 0, proven, failed, withoutSnapshot, tenants: verdicts })
  else print(io, `${proven} proven, ${failed} failed, ${withoutSnapshot} without a snapshot`)
  if (failed > 0) throw new CliError('checks_failed', `${failed} of ${verdicts.length} snapshots could not be proven`)
}

function verdictText(verdict: Verdict): string {
  if (!('proof' in verdict)) return `fail  ${verdict.id}  ${escapeControls(verdict.reason)}`
  const { manifest, fileBytes, durationMs } = verdict.proof
  return `ok    ${verdict.id}  manifest ${manifest}  ${formatBytes(fileBytes)}  ${Math.round(durationMs)} ms`
}
