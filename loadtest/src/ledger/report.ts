/** The ledger bench's report: budgets first, then the figures behind them. */
import { bytesFigure, figure, markdownTable } from '../markdown.ts'
import { summarise } from '../statistics.ts'
import type { AloneFigures, RateRow, Side } from './rates.ts'
import type { RecoveryFigures } from './recovery.ts'

/** All that was measured. */
export interface LedgerFigures {
  readonly commit: string
  readonly machineLines: readonly string[]
  readonly rows: readonly RateRow[]
  readonly alone: AloneFigures
  readonly recoveries: readonly RecoveryFigures[]
}

const MIB = 1024 * 1024
const OF_FULL_MIN = 4
const OF_OFF_MIN = 0.75
const ALONE_RATIO_MAX = 1.5
const ALONE_EXTRA_MS = 0.3
const RECOVERY_MS_MAX = 1_000

const NAMES: Readonly<Record<Side, string>> = {
  ledger: 'ledger, class local',
  full: 'no ledger, synchronous=FULL',
  off: 'no ledger, synchronous=OFF',
}

/** The report as Markdown. */
export function ledgerReportOf(figures: LedgerFigures): string {
  return [
    `# Bench of the ledger at ${figures.commit}`,
    '',
    ...figures.machineLines,
    '',
    budgetTable(figures),
    '',
    '## Commits of 200 tenants, 64 in flight, one insert into a table with an index each',
    '',
    rateTable(figures.rows),
    '',
    '## One commit alone',
    '',
    aloneTable(figures.alone),
    '',
    '## A start after a kill',
    '',
    recoveryTable(figures.recoveries),
    '',
  ].join('\n')
}

function budgetTable({ rows, alone, recoveries }: LedgerFigures): string {
  const ratio = (side: Side) => rows.find((row) => row.side === side)?.ledgerToThis ?? Number.NaN
  const [commitMs, syncMs] = [summarise(alone.commitMs).p50Ms, summarise(alone.syncMs).p50Ms]
  const aloneMsMax = ALONE_RATIO_MAX * syncMs + ALONE_EXTRA_MS
  const budgets: (readonly [what: string, budget: string, measured: string, met: boolean])[] = [
    ['commits/s beside FULL', `≥ ${OF_FULL_MIN} ×`, `${figure(ratio('full'))} ×`, ratio('full') >= OF_FULL_MIN],
    ['commits/s beside OFF', `≥ ${OF_OFF_MIN} ×`, `${figure(ratio('off'))} ×`, ratio('off') >= OF_OFF_MIN],
    ['one commit alone, p50', `≤ ${figure(aloneMsMax)} ms`, `${figure(commitMs)} ms`, commitMs <= aloneMsMax],
    ...recoveries.map(
      (one) =>
        [
          `start after a kill, per 100 MiB (${one.kind} commits)`,
          `≤ ${RECOVERY_MS_MAX} ms`,
          `${figure(per100Mib(one))} ms`,
          per100Mib(one) <= RECOVERY_MS_MAX,
        ] as const,
    ),
  ]
  const body = budgets.map(([what, budget, measured, met]) => [what, budget, measured, met ? 'met' : 'MISSED'])
  return markdownTable(['what', 'budget', 'measured', ''], body)
}

function per100Mib({ startMs, tailBytes }: RecoveryFigures): number {
  return (startMs / tailBytes) * 100 * MIB
}

function rateTable(rows: readonly RateRow[]): string {
  return markdownTable(
    [
      'side',
      'commits/s',
      'ledger to this',
      'p50 ms',
      'p99 ms',
      'loop µs',
      'all µs',
      'quiet µs',
      'ledger to this, quiet',
    ],
    rows.map((row) => [
      NAMES[row.side],
      figure(row.commitsPerSecond),
      `${figure(row.ledgerToThis)} ×`,
      figure(row.p50Ms),
      figure(row.p99Ms),
      figure(row.loopUs),
      figure(row.processorUs),
      figure(row.quietUs),
      `${figure(row.ledgerToThisQuiet)} ×`,
    ]),
  )
}

function aloneTable({ commitMs, syncMs, preparedSyncMs }: AloneFigures): string {
  const row = (what: string, latenciesMs: readonly number[]) => {
    const { p50Ms, p95Ms, p99Ms } = summarise(latenciesMs)
    return [what, figure(p50Ms), figure(p95Ms), figure(p99Ms)]
  }
  return markdownTable(
    ['what', 'p50 ms', 'p95 ms', 'p99 ms'],
    [
      row('commit with class local', commitMs),
      row('4 KiB appended, fdatasync', syncMs),
      row('4 KiB overwritten, fdatasync', preparedSyncMs),
    ],
  )
}

function recoveryTable(recoveries: readonly RecoveryFigures[]): string {
  return markdownTable(
    ['tail', 'commits', 'ledger', 'ledger bytes a commit', 'ledger to pages', 'start ms', 'all served ms', 'empty ms'],
    recoveries.map((one) => [
      `${one.kind} commits`,
      figure(one.entryCount),
      bytesFigure(one.tailBytes),
      figure(one.tailBytes / one.entryCount),
      figure(one.tailBytes / one.pageBytes),
      figure(one.startMs),
      figure(one.allServedMs),
      figure(one.emptyStartMs),
    ]),
  )
}
