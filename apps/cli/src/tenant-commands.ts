/** `tenax tenants …`. */
import { type JobResource, TENANT_STATES, type TenantResource, type TenantState, type TenantStats } from '@tenax/client'
import { isTenaxError } from '@tenax/kernel'
import { CliError } from './failure.ts'
import { type CommandContext, type Confirmation, confirm, print, printJson } from './io.ts'
import { formatBytes, formatFields, formatTable } from './table.ts'
import { runJob } from './transfer/run-job.ts'

/** Which tenants `tenants list` shows. */
export interface ListOptions {
  readonly state?: string | undefined
  readonly prefix?: string | undefined
  /** Most tenants in all; default all. */
  readonly limit?: number | undefined
}

const PAGE_LIMIT_MAX = 1000

/** `tenants create`. */
export async function createTenant(context: CommandContext, id: string): Promise<void> {
  const tenant = await context.client.tenants.create(id)
  printTenant(context, tenant, `created tenant ${tenant.id}`)
}

/** `tenants list`: all pages, up to the limit. */
export async function listTenants(context: CommandContext, { limit, prefix, state }: ListOptions): Promise<void> {
  const tenants: TenantResource[] = []
  const pageLimit = Math.min(limit ?? PAGE_LIMIT_MAX, PAGE_LIMIT_MAX)
  for await (const tenant of context.client.tenants.all({ state: stateOf(state), prefix, pageLimit })) {
    tenants.push(tenant)
    if (tenants.length === limit) break
  }
  if (context.json) {
    printJson(context.io, { tenants })
    return
  }
  const columns = [{ title: 'id' }, { title: 'state' }, { title: 'created' }]
  const rows = tenants.map(({ id, state, createdAt }) => [id, state, createdAt])
  for (const line of formatTable(columns, rows)) print(context.io, line)
}

function stateOf(text: string | undefined): TenantState | undefined {
  if (text === undefined) return undefined
  const state = TENANT_STATES.find((one) => one === text)
  if (state === undefined) throw CliError.usage(`there is no state ${text}`, `it is one of ${TENANT_STATES.join(', ')}`)
  return state
}

/** `tenants show`: the tenant, and the numbers of its file unless its state keeps them back. */
export async function showTenant(context: CommandContext, id: string): Promise<void> {
  const { tenants } = context.client
  const tenant = await tenants.get(id)
  const stats = await tenants.stats(id).catch(withoutStats)
  if (context.json) {
    printJson(context.io, { ...tenant, stats: stats ?? null })
    return
  }
  const fields = [...tenantFields(tenant), ...(stats === undefined ? [] : statsFields(stats))]
  for (const line of formatFields(fields)) print(context.io, line)
}

/** A suspended, quarantined, archived or moving tenant has a state to show, and no open file to count in. */
function withoutStats(error: unknown): undefined {
  if (isTenaxError(error) && (error.kind === 'locked' || error.kind === 'conflict')) return undefined
  throw error
}

function tenantFields(tenant: TenantResource): (readonly [string, string])[] {
  const { id, state, createdAt, suspendedAt, quarantineReason, incarnation, url } = tenant
  const times: (readonly [string, string])[] = suspendedAt === null ? [] : [['suspended', suspendedAt]]
  const reason: (readonly [string, string])[] = quarantineReason === null ? [] : [['reason', quarantineReason]]
  const head: (readonly [string, string])[] = [
    ['id', id],
    ['state', state],
  ]
  return [
    ...head,
    ...reason,
    ['created', createdAt],
    ...times,
    ...proofFields(tenant),
    ['incarnation', incarnation],
    ['url', url],
  ]
}

/** When a snapshot of it was last proven restorable, and what was found wrong with the last one. */
function proofFields({ provenAt, provenManifest, snapshotDamage }: TenantResource): (readonly [string, string])[] {
  const proven: (readonly [string, string])[] =
    provenAt === null ? [] : [['proven', `${provenAt}, manifest ${provenManifest}`]]
  return snapshotDamage === null ? proven : [...proven, ['damage', `its last snapshot: ${snapshotDamage}`]]
}

function statsFields(stats: TenantStats): (readonly [string, string])[] {
  const { pageBytes, pageCount, pageCountMax, freePages } = stats
  return [
    ['size', `${formatBytes(pageCount * pageBytes)} of ${formatBytes(pageCountMax * pageBytes)}`],
    ['pages', `${pageCount} of ${pageBytes} bytes, ${freePages} free`],
    ['on disk', `${formatBytes(stats.fileBytes)}, WAL ${formatBytes(stats.walBytes)}`],
    ['position', `${stats.lineage}.${stats.lsn}`],
    ['handle', stats.open ? 'open' : 'closed'],
  ]
}

/** `tenants delete`. */
export async function deleteTenant(
  context: CommandContext,
  id: string,
  { isGiven }: Pick<Confirmation, 'isGiven'>,
): Promise<void> {
  await confirm(context.io, { what: `this deletes tenant ${id} and all its data`, isGiven })
  const receipt = await context.client.tenants.delete(id)
  if (context.json) printJson(context.io, receipt)
  else {
    print(context.io, `deleted tenant ${receipt.id} at ${receipt.deletedAt}`)
    for (const { where, until, note } of receipt.remains)
      print(context.io, `${where}: ${until ?? 'no time known'}; ${note}`)
  }
}

/** `tenants suspend`. */
export async function suspendTenant(context: CommandContext, id: string): Promise<void> {
  const tenant = await context.client.tenants.suspend(id)
  printTenant(context, tenant, `tenant ${tenant.id} is ${tenant.state}`)
}

/** `tenants resume`. */
export async function resumeTenant(context: CommandContext, id: string): Promise<void> {
  const tenant = await context.client.tenants.resume(id)
  printTenant(context, tenant, `tenant ${tenant.id} is ${tenant.state}`)
}

/** `tenants archive`. */
export async function archiveTenant(context: CommandContext, id: string): Promise<void> {
  const { result } = await runJob(context, { verb: 'archive', tenant: id })
  printResult(context, result, `tenant ${id} is ${String(result?.['state'])}`)
}

/** `tenants hydrate`. */
export async function hydrateTenant(context: CommandContext, id: string): Promise<void> {
  const { result } = await runJob(context, { verb: 'hydrate', tenant: id })
  printResult(context, result, `tenant ${id} is ${String(result?.['state'])}`)
}

/** `tenants snapshots`. */
export async function listSnapshots(context: CommandContext, id: string): Promise<void> {
  const list = await context.client.tenants.snapshots(id)
  if (context.json) {
    printJson(context.io, list)
    return
  }
  for (const { manifest, createdAt, fileBytes, lineage, lsn } of list.snapshots) {
    print(context.io, `${manifest}  ${createdAt}  ${formatBytes(fileBytes)}  ${lineage}.${lsn}`)
  }
}

/** `tenants fork`. */
export async function forkTenant(
  context: CommandContext,
  { id, to, manifest }: { readonly id: string; readonly to: string; readonly manifest: number | undefined },
): Promise<void> {
  const { result } = await runJob(context, { verb: 'fork', tenant: id, to, manifest })
  printResult(context, result, `made tenant ${to} of ${id}; its workflows are held: tenax runs release ${to}`)
}

/** `tenants restore`. */
export async function restoreTenant(
  context: CommandContext,
  { id, manifest, isGiven }: { readonly id: string; readonly manifest: number; readonly isGiven: boolean },
): Promise<void> {
  await confirm(context.io, { what: `this makes tenant ${id} what it was at snapshot ${manifest}`, isGiven })
  const { result } = await runJob(context, { verb: 'restore', tenant: id, manifest })
  const replacedManifest = result?.['replacedManifest']
  const undo =
    typeof replacedManifest !== 'number'
      ? 'what it was until now could not be stored, and stays beside its file'
      : `what it was until now: tenax tenants restore ${id} --manifest ${replacedManifest}`
  const held = `its workflows are held: tenax runs release ${id}`
  printResult(context, result, `restored tenant ${id} to snapshot ${manifest}\n${undo}\n${held}`)
}

/** What a job has come to, as JSON or in words. */
function printResult({ io, json }: CommandContext, result: JobResource['result'], sentence: string): void {
  if (json) printJson(io, result)
  else print(io, sentence)
}

function printTenant({ io, json }: CommandContext, tenant: TenantResource, sentence: string): void {
  if (json) printJson(io, tenant)
  else print(io, sentence)
}
