/** The report of the bench of workflows: both kinds of figures, throughput and latency alone, in one table. */
import { bytesFigure, figure, markdownTable } from '../markdown.ts'
import { type RunRow, STEP_COUNTS } from './runs.ts'

const HEAD = [
  'one after another in each of so many places',
  'per second',
  'steps/s',
  'p50 ms',
  'p95 ms',
  'p99 ms',
  'loop µs',
  'all µs',
  'quiet µs',
  'commits',
  'flushes',
  'written',
] as const

/** The report as Markdown. */
export function runsReportOf(report: {
  readonly commit: string
  readonly machineLines: readonly string[]
  readonly tenantCount: number
  readonly rows: readonly RunRow[]
}): string {
  return [
    `# Bench of workflows at ${report.commit}`,
    '',
    ...report.machineLines,
    '',
    `## Runs over ${figure(report.tenantCount)} tenants, class local, from \`start\` to the result`,
    '',
    markdownTable(HEAD, report.rows.map(cellsOf)),
    '',
  ].join('\n')
}

function cellsOf({ side, perSecond, latency, ...each }: RunRow): string[] {
  const { loopUs, processorUs, quietUs, commits, flushes, writtenBytes } = each
  const stepCount = STEP_COUNTS[side.kind]
  const shown = [latency.p50Ms, latency.p95Ms, latency.p99Ms, loopUs, processorUs, quietUs, commits, flushes]
  const steps = stepCount === 0 ? '–' : figure(perSecond * stepCount)
  return [side.name, figure(perSecond), steps, ...shown.map(figure), bytesFigure(writtenBytes)]
}
