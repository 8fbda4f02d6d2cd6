/** What a tenancy has of the rows and runs that a power cut must not take. */
import type { Tenancy } from '@tenax/tenancy'
import type { FoundTenant } from './witness.ts'

const NONE = { positional: [], named: [] }
const STEPS = `SELECT r.id || '/' || s.identity FROM tenax_run r JOIN tenax_step s ON s.run = r.number
  WHERE s.kind = 'step' AND s.status = 'completed'`

/** Reads every tenant. */
export async function foundIn(tenancy: Tenancy): Promise<Map<string, FoundTenant>> {
  const { tenants } = tenancy.list({ limit: 100, afterId: '', prefix: '', accepts: () => true })
  const found = new Map<string, FoundTenant>()
  for (const { id } of tenants) {
    const column = (sql: string) =>
      tenancy.use(id, async (handle) => (await handle.execute(sql, NONE)).rows.map(([value]) => String(value)))
    const names = new Set(await column("SELECT name FROM sqlite_schema WHERE type = 'table'"))
    const runs = names.has('tenax_run') ? await column('SELECT id FROM tenax_run') : []
    const steps = names.has('tenax_run') ? await column(STEPS) : []
    const rows = names.has('entry') ? await column('SELECT n FROM entry') : []
    found.set(id, { rows: new Set(rows.map(Number)), runs: new Set(runs), steps: new Set(steps.map(stepOf)) })
  }
  return found
}

/** `run/step` of `run/scope/step#1`. */
function stepOf(identity: string): string {
  const [run = ''] = identity.split('/', 1)
  return `${run}/${identity.slice(identity.lastIndexOf('/') + 1).replace(/#\d+$/, '')}`
}
