/** The senders of the load driver, and the books that they keep. */
import type { Client } from '@libsql/client'
import { createTenaxClient } from '@tenax/client'
import {
  createRandom,
  createZipf,
  faultOf,
  INSERT_SQL,
  nextOperation,
  type Operation,
  READ_SQL,
  requestOf,
  tenantIdOf,
} from '../../k6/workload.js'
import type { Transport } from './transport.ts'

/** How an operation was sent: raw, or through the SDK's stock libSQL client. */
type Carrier = 'query' | 'hrana' | 'client'

/** What came of a run. */
export interface LoadBooks {
  /** Latencies by kind, such as `read query`. */
  readonly latenciesMs: Map<string, number[]>
  /** Failed operations by code. */
  readonly faults: Map<string, number>
  /** Inserts that were acknowledged, and those whose reply never came, by tenant index. */
  readonly acknowledged: Map<number, number>
  readonly uncertain: Map<number, number>
}

/** What the senders need. */
export interface LoadOptions {
  readonly url: string
  readonly adminKey: string | undefined
  readonly transport: Transport
  readonly tenantCount: number
  readonly inFlight: number
  readonly durationMs: number
  readonly seed: number
}

/** Of Hrana operations, every so many goes through the stock client: it costs the driver several times the raw request. */
const CLIENT_EVERY = 4

/** Sends the mixed workload until the time is over. */
export async function runWorkers(options: LoadOptions): Promise<LoadBooks> {
  const books: LoadBooks = { latenciesMs: new Map(), faults: new Map(), acknowledged: new Map(), uncertain: new Map() }
  const pickTenant = createZipf(options.tenantCount)
  const clients = new Map<number, Client>()
  const endMs = performance.now() + options.durationMs
  const worker = async (index: number) => {
    const random = createRandom(options.seed * 1000 + index)
    for (let turn = index; performance.now() < endMs; turn++) {
      const operation = nextOperation(random, pickTenant)
      const throughClient = operation.protocol === 'hrana' && turn % CLIENT_EVERY === 0
      const carrier = throughClient ? 'client' : operation.protocol
      const startMs = performance.now()
      const outcome = await perform(options, clients, { operation, carrier, writer: `worker ${index}` })
      record(books, { operation, carrier, elapsedMs: performance.now() - startMs, ...outcome })
    }
  }
  await Promise.all(Array.from({ length: options.inFlight }, (_, index) => worker(index)))
  for (const client of clients.values()) client.close()
  return books
}

/** `certain` is false when the operation may have been carried out although it failed. */
interface Outcome {
  readonly fault: string | undefined
  readonly certain: boolean
}

interface Sent {
  readonly operation: Operation
  readonly carrier: Carrier
  readonly writer: string
}

async function perform(options: LoadOptions, clients: Map<number, Client>, sent: Sent): Promise<Outcome> {
  try {
    if (sent.carrier === 'client') return await throughClient(options, clients, sent)
    const { path, body } = requestOf(sent.operation, sent.writer)
    const reply = await options.transport.send('POST', path, body)
    return { fault: faultOf(sent.operation, reply.status, reply.body), certain: reply.status > 0 && reply.status < 500 }
  } catch (error) {
    return { fault: codeOf(error), certain: false }
  }
}

async function throughClient(
  { url, adminKey }: LoadOptions,
  clients: Map<number, Client>,
  { operation, writer }: Sent,
): Promise<Outcome> {
  const { tenant, verb, row } = operation
  const client = clients.get(tenant) ?? createTenaxClient({ url, adminKey }).tenant(tenantIdOf(tenant)).db()
  clients.set(tenant, client)
  const statement = verb === 'read' ? { sql: READ_SQL, args: [row] } : { sql: INSERT_SQL, args: [writer, row * 1.5] }
  const { rows, rowsAffected } = await client.execute(statement)
  const right = verb === 'read' ? rows[0]?.['id'] === row : rowsAffected === 1
  return { fault: right ? undefined : 'wrong_reply', certain: true }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return error instanceof Error ? error.name : 'unknown'
}

function record(
  books: LoadBooks,
  { operation, carrier, elapsedMs, fault, certain }: Omit<Sent, 'writer'> & Outcome & { elapsedMs: number },
): void {
  const kind = `${operation.verb} ${carrier}`
  const latenciesMs = books.latenciesMs.get(kind) ?? []
  books.latenciesMs.set(kind, latenciesMs)
  latenciesMs.push(elapsedMs)
  if (fault !== undefined) books.faults.set(fault, (books.faults.get(fault) ?? 0) + 1)
  if (operation.verb === 'read') return
  if (fault === undefined) countUp(books.acknowledged, operation.tenant)
  else if (!certain) countUp(books.uncertain, operation.tenant)
}

function countUp(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
