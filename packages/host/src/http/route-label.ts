/** Routes as metrics name them. */

/** The path with ids taken out: few label values, and none that a caller can invent. */
export function routeLabel(path: string): string {
  const [, area = '', ...rest] = path.split('/')
  if (area === 't' && rest.length > 1) return faceOf(rest.slice(1))
  if (area === 'v1' && rest[0] === 'tenants') {
    if (rest.length <= 2) return rest.length === 1 ? '/v1/tenants' : '/v1/tenants/:id'
    return KNOWN_VERBS.has(rest[2] ?? '') ? `/v1/tenants/:id/${rest[2]}` : 'other'
  }
  return KNOWN_PATHS.has(path) ? path : 'other'
}

/** What stands behind `/t/:id/`. */
function faceOf(rest: readonly string[]): string {
  const face = rest.join('/')
  if (KNOWN_FACES.has(face)) return `/t/:id/${face}`
  const [area, , verb, ...more] = rest
  if (area !== 'runs' || more.length > 0) return 'other'
  if (verb === undefined) return '/t/:id/runs/:run'
  return RUN_VERBS.has(verb) ? `/t/:id/runs/:run/${verb}` : 'other'
}

const KNOWN_FACES: ReadonlySet<string> = new Set('query v2 v3 v2/pipeline v3/pipeline v3/cursor runs events'.split(' '))
const RUN_VERBS: ReadonlySet<string> = new Set(['result', 'cancel', 'terminate'])
const KNOWN_VERBS: ReadonlySet<string> = new Set(['suspend', 'resume', 'stats', 'durability', 'export', 'import'])
const KNOWN_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics', '/v1/openapi.json'])
