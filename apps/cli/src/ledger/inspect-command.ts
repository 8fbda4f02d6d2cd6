/** `tenax ledger inspect`: what the ledgers hold, record by record, with the tenants' own names where they are known. */
import { isTenaxError } from '@tenax/kernel'
import type { InspectedRecord, LedgerSource } from '@tenax/ledger'
import { print, printJson } from '../io.ts'
import { formatBytes, formatTable, type TableColumn } from '../table.ts'
import { type FoundLedger, findLedgers, type LedgerPlaces } from './ledger-directories.ts'
import { endText, type LedgerContext, verifyPatiently } from './verify-command.ts'

/** What to list. */
export interface InspectOptions extends LedgerPlaces {
  /** Only this tenant's records: its id, or an incarnation of it. */
  readonly tenant: string | undefined
  /** At most so many, oldest first. */
  readonly limit: number | undefined
}

interface NamedRecord extends InspectedRecord {
  readonly ledger: string
  /** The tenant's id; undefined when no catalog knows its incarnation, and for records of the ledger itself. */
  readonly tenant: string | undefined
}

interface Listing {
  readonly records: readonly NamedRecord[]
  /** How each ledger that was read to its end ends. */
  readonly ends: readonly { readonly ledger: string; readonly end: string }[]
}

/** @throws TenaxError `ledger_damaged`, `data_format_newer`, after what could be read was shown */
export async function inspectLedgers({ io, json }: LedgerContext, options: InspectOptions): Promise<void> {
  const names = options.directory === undefined ? await tenantNames(options.dataDir) : new Map<string, string>()
  const { listing, failure } = await readAll(options, names)
  if (json) printJson(io, { records: listing.records.map(recordJson), ledgers: listing.ends })
  else for (const line of listingText(listing)) print(io, line)
  if (failure !== undefined) throw failure
}

/** Tenant ids by incarnation, from copies of the catalogs: the live files are only read, and no lock is touched. */
async function tenantNames(dataDir: string): Promise<ReadonlyMap<string, string>> {
  try {
    const { readTenantNames } = await import('tenax')
    return readTenantNames(dataDir)
  } catch {
    return new Map() // without names an incarnation stands for itself
  }
}

async function readAll(options: InspectOptions, names: ReadonlyMap<string, string>) {
  const records: NamedRecord[] = []
  const ends: { ledger: string; end: string }[] = []
  const limit = options.limit ?? Number.POSITIVE_INFINITY
  let failure: unknown
  for (const found of await findLedgers(options)) {
    if (records.length >= limit) break
    try {
      const end = await readOne(found, (record) => {
        const named = { ...record, ledger: found.name, tenant: names.get(record.incarnation ?? '') }
        if (isWanted(named, options.tenant)) records.push(named)
        return records.length < limit
      })
      if (end !== undefined) ends.push({ ledger: found.name, end })
    } catch (error) {
      ends.push({ ledger: found.name, end: 'damaged' })
      failure ??= error
    }
  }
  return { listing: { records, ends }, failure }
}

function isWanted({ tenant, incarnation }: NamedRecord, wanted: string | undefined): boolean {
  return wanted === undefined || tenant === wanted || incarnation === wanted
}

/** How the ledger ends; undefined when `visit` wanted no more of it. */
async function readOne(
  { directory }: FoundLedger,
  visit: (record: InspectedRecord) => boolean,
): Promise<string | undefined> {
  const { fsSegmentFiles, inspectLedger } = await import('@tenax/ledger')
  const source: LedgerSource = { directory, files: fsSegmentFiles }
  const records = inspectLedger(source)
  try {
    for (let step = await records.next(); ; step = await records.next()) {
      if (step.done) return endText({ end: step.value })
      if (!visit(step.value)) return undefined
    }
  } catch (error) {
    if (!isTenaxError(error, 'ledger_damaged')) throw error
    const report = await verifyPatiently(source) // a server that writes can look like damage for a moment
    if (report.fault === undefined) return `${endText(report)}, and is being written`
    throw error
  } finally {
    await records[Symbol.asyncDispose]()
  }
}

const COLUMNS: readonly TableColumn[] = [
  { title: 'ledger' },
  { title: 'record', align: 'right' },
  { title: 'kind' },
  { title: 'tenant' },
  { title: 'lsn', align: 'right' },
  { title: 'pages', align: 'right' },
  { title: 'bytes', align: 'right' },
  { title: 'time' },
  { title: 'segment' },
  { title: 'offset', align: 'right' },
]

/** Characters of a ledger's name that a table shows: its epoch, which tells the ledgers of a data directory apart. */
const EPOCH_CHARS = 8

function listingText({ records, ends }: Listing): string[] {
  const rows = records.map((record) => [
    record.ledger.slice(0, EPOCH_CHARS),
    String(record.seq),
    record.kind,
    record.tenant ?? record.incarnation ?? '',
    String(record.lsn ?? ''),
    record.kind === 'entry' ? String(record.pageCount) : '',
    record.kind === 'entry' ? String(record.pageBytes) : '',
    record.timeMs === undefined ? '' : new Date(record.timeMs).toISOString(),
    record.segment,
    String(record.offset),
  ])
  const entries = records.filter(({ kind }) => kind === 'entry')
  const tenantCount = new Set(entries.map(({ incarnation }) => incarnation)).size
  const pageBytes = entries.reduce((sum, entry) => sum + entry.pageBytes, 0)
  return [
    ...formatTable(COLUMNS, rows),
    `${records.length} records, ${entries.length} entries of ${tenantCount} tenants, ${formatBytes(pageBytes)}`,
    ...ends.map(({ ledger, end }) => `${ledger} ends: ${end}`),
  ]
}

function recordJson({ lineage, lsn, timeMs, tenant, incarnation, ...rest }: NamedRecord): unknown {
  return {
    ...rest,
    tenant: tenant ?? null,
    incarnation: incarnation ?? null,
    lineage: lineage ?? null,
    lsn: lsn ?? null,
    time: timeMs === undefined ? null : new Date(timeMs).toISOString(),
  }
}
