/** Routes as metrics name them. */

/** The path with ids taken out: few label values, and none that a caller can invent. */
export function routeLabel(path: string): string {
  const [, area = '', ...rest] = path.split('/')
  if (area === 't' && rest.length > 1) return faceOf(rest.slice(1))
  if (area === 'v1' && rest[0] === 'tenants') {
    if (rest.length <= 2) return rest.length === 1 ? '/v1/tenants' : '/v1/tenants/:id'
    const verb = rest.slice(2).join('/')
    return KNOWN_VERBS.has(verb) ? `/v1/tenants/:id/${verb}` : 'other'
  }
  if (area === 'v1' && rest[0] === 'jobs' && rest.length <= 3) {
    const [, job, verb] = rest
    if (verb === undefined) return job === undefined ? '/v1/jobs' : '/v1/jobs/:job'
    return verb === 'events' || verb === 'result' ? `/v1/jobs/:job/${verb}` : 'other'
  }
  return KNOWN_PATHS.has(path) ? path : 'other'
}

/** What stands behind `/t/:id/`. */
function faceOf(rest: readonly string[]): string {
  const face = rest.join('/')
  if (KNOWN_FACES.has(face)) return `/t/:id/${face}`
  const [area = '', , verb, ...more] = rest
  const known = ITEMS.get(area)
  if (known === undefined || more.length > 0) return 'other'
  const { item, verbs } = known
  if (verb === undefined) return `/t/:id/${area}/${item}`
  return verbs.has(verb) ? `/t/:id/${area}/${item}/${verb}` : 'other'
}

const KNOWN_FACES: ReadonlySet<string> = new Set(
  'query v2 v3 v2/pipeline v3/pipeline v3/cursor runs events schedules'.split(' '),
)
const RUN_VERBS: ReadonlySet<string> = new Set(
  'result outputs history check cancel terminate pause resume retry skip rerun'.split(' '),
)
const SCHEDULE_VERBS: ReadonlySet<string> = new Set(['pause', 'resume', 'trigger'])
const ITEMS: ReadonlyMap<string, { readonly item: string; readonly verbs: ReadonlySet<string> }> = new Map([
  ['runs', { item: ':run', verbs: RUN_VERBS }],
  ['schedules', { item: ':schedule', verbs: SCHEDULE_VERBS }],
])
const KNOWN_VERBS: ReadonlySet<string> = new Set(
  'suspend resume archive hydrate fork restore snapshots verify stats durability export import workflows/release'.split(
    ' ',
  ),
)
const KNOWN_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics', '/v1/openapi.json'])
