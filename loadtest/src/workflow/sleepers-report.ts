/** The report of the bench of sleeping runs. */
import { figure, markdownTable } from '../markdown.ts'
import type { LatencySummary } from '../statistics.ts'
import type { SleepFigures } from './sleepers.ts'

const LATE_P99_MS_MAX = 1_000

/** The report as Markdown. */
export function sleepersReportOf(report: {
  readonly commit: string
  readonly machineLines: readonly string[]
  readonly figures: SleepFigures
}): string {
  const { plan, asleep, spread, atOnce, setupMs } = report.figures
  const { tenantCount, runsPerTenant, spreadMs } = plan
  const budgets = [
    ['handles in use while all sleep', '0', figure(asleep.handlesInUse)],
    ['tenants awake while all sleep', '0', figure(asleep.awakeTenants)],
    ['timers of the engine while all sleep', '1', figure(asleep.engineTimers)],
    ['p99 of how late a sleep ends', `≤ ${figure(LATE_P99_MS_MAX)} ms`, `${figure(spread.p99Ms)} ms`],
  ]
  return [
    `# Bench of sleeping runs at ${report.commit}`,
    '',
    ...report.machineLines,
    `- ${figure(tenantCount * runsPerTenant)} runs over ${figure(tenantCount)} tenants, started in ${figure(setupMs / 1_000)} s`,
    '',
    markdownTable(['what', 'budget', 'measured'], budgets),
    '',
    `Idle handles wait in the pool for their minute: ${figure(asleep.handlesIdle)} of them.`,
    '',
    `## Due times spread over ${figure(spreadMs / 1_000)} s, and all due at one moment`,
    '',
    markdownTable(
      ['milliseconds behind the due time', 'p50', 'p95', 'p99', 'longest'],
      [
        ['spread: a run is taken up', ...of(spread)],
        ['all at once: the first run of a tenant', ...of(atOnce.first)],
        ['all at once: the last run of a tenant', ...of(atOnce.last)],
      ],
    ),
    '',
    `All at once: ${figure(atOnce.runCount)} runs in ${figure(atOnce.totalMs / 1_000)} s, ${figure(atOnce.perSecond)} a second, ${figure(atOnce.processorUs)} µs of processor time each.`,
    '',
  ].join('\n')
}

function of({ p50Ms, p95Ms, p99Ms, longestMs }: LatencySummary): string[] {
  return [p50Ms, p95Ms, p99Ms, longestMs].map(figure)
}
