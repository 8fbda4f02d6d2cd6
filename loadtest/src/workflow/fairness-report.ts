/** The report of the bench of fairness. */
import { figure, markdownTable } from '../markdown.ts'
import type { FairFigures, PhaseFigures } from './fairness.ts'

/** What the others' p99 may become, times what it is alone. */
const RATIO_MAX = 2

/** The report as Markdown. */
export function fairnessReportOf(report: {
  readonly commit: string
  readonly machineLines: readonly string[]
  readonly figures: FairFigures
}): string {
  const { plan, alone, queueing, working, beside, acceptedPerSecond, drainedPerSecond, costs } = report.figures
  const { otherCount, backlogCount, rounds, phaseMs } = plan
  const ratio = beside.latency.p99Ms / alone.latency.p99Ms
  const quietRatio = beside.quietLatency.p99Ms / alone.quietLatency.p99Ms
  return [
    `# Bench of fairness at ${report.commit}`,
    '',
    ...report.machineLines,
    `- ${figure(otherCount)} tenants start a run of three steps a second each; one more queues ${figure(backlogCount)} at once. ${figure(rounds)} × ${figure(phaseMs / 1_000)} s of each.`,
    '',
    '## The others, from the moment a start is due to the result in hand; without waiting for a processor; of the event loop',
    '',
    markdownTable(
      [
        'milliseconds',
        'runs',
        'p50',
        'p95',
        'p99',
        'longest',
        'quiet p50',
        'quiet p99',
        'loop p50',
        'loop p99',
        'loop in use',
      ],
      [
        ['alone', ...cellsOf(alone)],
        ['beside the backlog', ...cellsOf(beside)],
        ['… while it is queued', ...cellsOf(queueing)],
        ['… while it is worked off', ...cellsOf(working)],
      ],
    ),
    '',
    `p99 beside the backlog / alone: **${figure(ratio)}**, without waiting for a processor **${figure(quietRatio)}** (budget: ${figure(RATIO_MAX)}).`,
    `Of the backlog, ${figure(acceptedPerSecond)} a second were accepted, and ${figure(drainedPerSecond)} a second completed over the whole time.`,
    '',
    '## What a run costs, by how many wait before it: one tenant alone, which starts one for each that ends',
    '',
    markdownTable(
      ['runs that wait', 'runs/s', 'event loop for one, µs', 'commits for one'],
      costs.map((cost) => [
        figure(cost.waitingCount),
        figure(cost.perSecond),
        figure(cost.loopUs),
        figure(cost.commits),
      ]),
    ),
    '',
  ].join('\n')
}

function cellsOf({ latency, quietLatency, loop, loopUse }: PhaseFigures): string[] {
  const { count, p50Ms, p95Ms, p99Ms, longestMs } = latency
  const others = [quietLatency.p50Ms, quietLatency.p99Ms, loop.p50Ms, loop.p99Ms]
  const shown = [count, p50Ms, p95Ms, p99Ms, longestMs, ...others]
  return [...shown.map(figure), `${figure(loopUse * 100)} %`]
}
