/** `tenax ledger verify`: reads every byte of the ledgers and says what they hold, or the first byte that is wrong. */
import type { LedgerReport, LedgerSource } from '@tenax/ledger'
import { CliError } from '../failure.ts'
import { type CliIo, print, printJson } from '../io.ts'
import { escapeControls, formatBytes } from '../table.ts'
import { type FoundLedger, findLedgers, type LedgerPlaces, readDataId } from './ledger-directories.ts'

/** What the commands on ledgers get: no client, since they read files. */
export interface LedgerContext {
  readonly io: CliIo
  readonly json: boolean
}

/** What is wrong with a ledger, and where. */
export interface Fault {
  readonly code: string
  /** The segment's file. */
  readonly segment: string
  /** The first byte that is wrong, counted from the segment's start. */
  readonly offset: number
  readonly reason: string
}

interface Verdict {
  readonly ledger: FoundLedger
  readonly report: LedgerReport
  readonly fault: Fault | undefined
}

/** @throws CliError `checks_failed` when a ledger is damaged, of a newer version, or another data directory's */
export async function verifyLedgers({ io, json }: LedgerContext, places: LedgerPlaces): Promise<void> {
  const dataId = places.directory === undefined ? await readDataId(places.dataDir) : undefined
  const verdicts: Verdict[] = []
  for (const ledger of await findLedgers(places)) {
    const { fsSegmentFiles } = await import('@tenax/ledger')
    const report = await verifyPatiently({ directory: ledger.directory, files: fsSegmentFiles })
    const verdict = { ledger, report, fault: faultOf(report, dataId) }
    verdicts.push(verdict)
    if (!json) print(io, escapeControls(verdictText(verdict)))
  }
  const failedCount = verdicts.filter(({ fault }) => fault !== undefined).length
  if (json) printJson(io, { ok: failedCount === 0, ledgers: verdicts.map(verdictJson) })
  if (failedCount > 0)
    throw new CliError('checks_failed', `${failedCount} of ${verdicts.length} ledgers cannot be used`)
}

/** Tries of a ledger that a server writes: each begins where the last one found the end in motion. */
const TRIES_MAX = 5

/**
 * Verifies a ledger that a server may be writing. A reader that meets a batch half written and then looks behind it may
 * find a later one that is whole, and take that for damage; so damage counts when it stays at its place. A segment that
 * was trimmed while it was read is not missed when the ledger is read again.
 */
export async function verifyPatiently(source: LedgerSource): Promise<LedgerReport> {
  const { verifyLedger } = await import('@tenax/ledger')
  let before: LedgerReport | undefined
  for (let left = TRIES_MAX; ; left -= 1) {
    try {
      const report = await verifyLedger(source)
      if (report.fault === undefined || left === 1 || isSamePlace(report, before)) return report
      before = report
    } catch (error) {
      if (left === 1 || !isMissing(error)) throw error
    }
  }
}

function isSamePlace({ fault }: LedgerReport, before: LedgerReport | undefined): boolean {
  const place = before?.fault?.place
  return fault?.place.segmentId === place?.segmentId && fault?.place.offset === place?.offset
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function faultOf({ fault, end }: LedgerReport, dataId: string | undefined): Fault | undefined {
  if (fault !== undefined) {
    const { code, place, reason } = fault
    return { code, segment: segmentFile(place.segmentId), offset: place.offset, reason }
  }
  if (dataId === undefined || end?.dataId === undefined || end.dataId === dataId) return undefined
  const reason = 'the ledger belongs to another data directory'
  return { code: 'data_format_invalid', segment: segmentFile(end.firstNeeded), offset: 0, reason }
}

/** The name of a segment's file. */
export function segmentFile(segmentId: number): string {
  return `${String(segmentId).padStart(8, '0')}.seg`
}

function verdictText({ ledger, report, fault }: Verdict): string {
  const counts =
    `${report.recordCount} records, ${report.entryCount} entries of ${report.tenantCount} tenants, ` +
    `${report.pageCount} pages (${formatBytes(report.pageCount * 4096)})`
  if (fault === undefined) return `ok    ${ledger.name}  ${counts}, ends ${endText(report)}`
  return `fail  ${ledger.name}  ${fault.segment} at offset ${fault.offset}: ${fault.reason} (before it: ${counts})`
}

/** How a ledger ends. A tear is what a crash leaves behind, and what a server that is writing shows for a moment. */
export function endText({ end }: Pick<LedgerReport, 'end'>): string {
  if (end === undefined) return 'damaged'
  return end.state === 'torn'
    ? `torn at ${segmentFile(end.place.segmentId)} offset ${end.place.offset}: cut there at the next start`
    : end.state
}

function verdictJson({ ledger, report, fault }: Verdict): unknown {
  const { recordCount, entryCount, pageCount, tenantCount, end } = report
  const place = end === undefined ? null : { segment: segmentFile(end.place.segmentId), offset: end.place.offset }
  return {
    ledger: ledger.name,
    recordCount,
    entryCount,
    pageCount,
    tenantCount,
    end: end === undefined ? null : { state: end.state, ...place },
    fault: fault ?? null,
  }
}
