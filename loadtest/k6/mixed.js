/**
 * The mixed workload under k6: `k6 run -e URL=http://127.0.0.1:8787 loadtest/k6/mixed.js`
 *
 * Environment: URL, ADMIN_KEY (none), TENANTS (1000), VUS (32), DURATION (60s), SEED (1), KEEP (unset: the tenants are
 * deleted at the end). At the end the inserts in all tenants are counted: fewer than were acknowledged is a lost
 * write, and the summary says so. (A threshold cannot compare two metrics, so k6's exit code does not tell.)
 */
import { check, fail, group } from 'k6'
import { SharedArray } from 'k6/data'
import exec from 'k6/execution'
import http from 'k6/http'
import { Counter, Rate, Trend } from 'k6/metrics'
import {
  COUNT_SQL,
  createRandom,
  createZipf,
  faultOf,
  nextOperation,
  requestOf,
  SETUP_SQL,
  tenantIdOf,
  verdictOf,
} from './workload.js'

const BASE_URL = (__ENV.URL || 'http://127.0.0.1:8787').replace(/\/+$/, '')
const TENANTS = Number(__ENV.TENANTS || 1000)
const SEED = Number(__ENV.SEED || 1)
const HEADERS = { 'content-type': 'application/json' }
if (__ENV.ADMIN_KEY) HEADERS.authorization = `Bearer ${__ENV.ADMIN_KEY}`

const tenantIds = new SharedArray('tenants', () => Array.from({ length: TENANTS }, (_, index) => tenantIdOf(index)))
const pickTenant = createZipf(TENANTS)

const readMs = new Trend('tenax_read_ms', true)
const insertMs = new Trend('tenax_insert_ms', true)
const acknowledged = new Counter('tenax_acknowledged_inserts')
const uncertain = new Counter('tenax_uncertain_inserts')
const stored = new Counter('tenax_stored_inserts')
const faults = new Rate('tenax_faults')

export const options = {
  scenarios: {
    mixed: {
      executor: 'constant-vus',
      vus: Number(__ENV.VUS || 32),
      duration: __ENV.DURATION || '60s',
      gracefulStop: '30s',
    },
  },
  summaryTrendStats: ['med', 'p(95)', 'p(99)'],
  setupTimeout: '10m',
  teardownTimeout: '10m',
  thresholds: {
    tenax_faults: ['rate<0.001'],
    tenax_read_ms: ['p(99)<250'],
    tenax_insert_ms: ['p(99)<500'],
  },
}

function post(path, body, tags) {
  return http.post(`${BASE_URL}${path}`, JSON.stringify(body), { headers: HEADERS, tags: { name: tags } })
}

function parsed(response) {
  try {
    return response.json()
  } catch {
    return undefined
  }
}

/** Makes the tenants, or empties those of an earlier run. What it returns, every iteration and teardown are given. */
export function setup() {
  for (const id of tenantIds) {
    http.del(`${BASE_URL}/v1/tenants/${id}`, null, {
      headers: HEADERS,
      responseCallback: http.expectedStatuses(200, 404),
    })
    const created = post('/v1/tenants', { id }, 'create')
    if (created.status !== 201) fail(`creating ${id}: ${created.status} ${created.body}`)
    for (const sql of SETUP_SQL) {
      const prepared = post(`/t/${id}/query`, { sql }, 'prepare')
      if (prepared.status !== 200) fail(`preparing ${id}: ${prepared.status} ${prepared.body}`)
    }
  }
  return { seed: SEED }
}

let random

/** One operation. */
export default function mixed({ seed }) {
  random ??= createRandom(seed * 1000 + exec.vu.idInTest)
  const operation = nextOperation(random, pickTenant)
  group(operation.verb, () => {
    const { path, body } = requestOf(operation, `vu ${exec.vu.idInTest}`)
    const response = post(path, body, `${operation.verb} ${operation.protocol}`)
    const fault = faultOf(operation, response.status, parsed(response))
    check(response, { 'the reply is right': () => fault === undefined })
    faults.add(fault !== undefined, { code: fault ?? 'none' })
    if (operation.verb === 'read') readMs.add(response.timings.duration)
    else record(response, fault)
  })
}

/** An insert without a reply may have been carried out: it is neither acknowledged nor lost. */
function record(response, fault) {
  insertMs.add(response.timings.duration)
  if (fault === undefined) acknowledged.add(1)
  else if (response.status === 0 || response.status >= 500) uncertain.add(1)
}

/** Counts the inserts in all tenants; `handleSummary` compares. */
export function teardown() {
  let rows = 0
  for (const id of tenantIds) {
    const counted = parsed(post(`/t/${id}/query`, { sql: COUNT_SQL }, 'count'))
    rows += counted?.rows?.[0]?.[0] ?? 0
    if (!__ENV.KEEP) http.del(`${BASE_URL}/v1/tenants/${id}`, null, { headers: HEADERS })
  }
  stored.add(rows)
}

/** A metric that was never added to is absent. */
export function handleSummary(data) {
  const valueAt = (metric, value) => data.metrics?.[metric]?.values?.[value]
  const verdict = verdictOf({
    acknowledged: valueAt('tenax_acknowledged_inserts', 'count') ?? 0,
    uncertain: valueAt('tenax_uncertain_inserts', 'count') ?? 0,
    stored: valueAt('tenax_stored_inserts', 'count'),
  })
  const lines = [
    `requests/s   ${figure(valueAt('http_reqs', 'rate'))}`,
    `reads        p50 ${figure(valueAt('tenax_read_ms', 'med'))} ms, p95 ${figure(valueAt('tenax_read_ms', 'p(95)'))} ms, p99 ${figure(valueAt('tenax_read_ms', 'p(99)'))} ms`,
    `inserts      p50 ${figure(valueAt('tenax_insert_ms', 'med'))} ms, p95 ${figure(valueAt('tenax_insert_ms', 'p(95)'))} ms, p99 ${figure(valueAt('tenax_insert_ms', 'p(99)'))} ms`,
    `faults       ${figure((valueAt('tenax_faults', 'rate') ?? 0) * 100)} %`,
    `verdict      ${verdict}`,
  ]
  return { stdout: `${lines.join('\n')}\n` }
}

function figure(value) {
  return value === undefined ? '-' : String(Math.round(value * 100) / 100)
}
