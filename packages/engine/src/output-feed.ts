/**
 * The outputs of one run as they come: what is recorded, in order of `seq`, and between it what attempts show. What is
 * recorded leaves behind the tenant's gate (LEDGER G1), and nothing of it is left out or given twice.
 */
import { type Lineage, type RunStatus, type TenantId, TenaxError } from '@tenax/kernel'
import { PAGE_COUNT_MAX } from './limits.ts'
import type { FeedQueue, LiveOutput, OutputFeeds } from './output-feeds.ts'
import type { OutputRecord } from './port.ts'
import { readOutputs, readRecord } from './store/records.ts'
import { requireRun, runNotFound } from './store/runs.ts'
import type { EngineTenancy } from './tenancy-port.ts'

/** The last item of a feed: the run has ended. With `continueAs` it went on as `successor`, which has outputs of its own. */
export interface OutputEnd {
  readonly type: 'end'
  readonly status: RunStatus
  readonly successor: string | undefined
}

/** The record of the run has changed: for who shows it as it goes on. Changes in a row may be one item. */
export interface RunChange {
  readonly type: 'change'
}

/** What a feed gives. */
export type FeedItem = OutputRecord | LiveOutput | RunChange | OutputEnd

/** The outputs of one run. Whoever has it reads it once, and closes it. */
export interface OutputFeed extends AsyncIterable<FeedItem> {
  /** Lets its place go: a reader that waits gets nothing more. Safe to repeat. */
  close(): void
  /** Gives what is there already, and then throws `failure`. */
  fail(failure: TenaxError): void
}

/** Which run, and behind which output of it. */
export interface FeedRequest {
  readonly tenant: TenantId
  readonly run: string
  readonly afterSeq: number
  readonly hasChanges: boolean
}

/** What a feed reads with. */
export interface FeedSource {
  readonly tenancy: EngineTenancy
  readonly feeds: OutputFeeds
}

interface Place {
  readonly queue: FeedQueue
  readonly number: number
  readonly lineage: Lineage
}

interface Page {
  readonly outputs: readonly OutputRecord[]
  readonly isFull: boolean
  readonly end: OutputEnd | undefined
}

/** @throws TenaxError `run_not_found`, `overloaded`, and what the tenant's state brings */
export async function openFeed(source: FeedSource, request: FeedRequest): Promise<OutputFeed> {
  const { tenant, run } = request
  let opened: FeedQueue | undefined
  try {
    const place = await source.tenancy.use(tenant, (handle) =>
      handle.gated(
        handle.read((file): Place => {
          const { number } = requireRun(file, run)
          // In the same turn as the look, so that nothing that comes behind it can be missed.
          opened = source.feeds.open(tenant, number)
          return { queue: opened, number, lineage: handle.meta.lineage }
        }),
      ),
    )
    return {
      close: () => place.queue.close(),
      fail: (failure) => place.queue.fail(failure),
      [Symbol.asyncIterator]: () => itemsOf(source, request, place),
    }
  } catch (error) {
    opened?.close()
    throw error
  }
}

async function* itemsOf(source: FeedSource, request: FeedRequest, place: Place): AsyncGenerator<FeedItem> {
  let { afterSeq } = request
  // What is there already comes first.
  let uptoSeq = Number.MAX_SAFE_INTEGER
  try {
    for (;;) {
      const page = await readPage(source, { ...request, afterSeq }, { ...place, uptoSeq })
      for (const output of page.outputs) {
        afterSeq = output.seq
        yield output
      }
      if (page.isFull) continue
      if (page.end !== undefined) return yield page.end
      if (request.hasChanges) yield { type: 'change' }
      for (;;) {
        const mark = await place.queue.next()
        if (mark === undefined) return
        if (mark.type === 'live') yield mark.output
        else if (mark.type === 'recorded' && mark.seq <= afterSeq) {
          if (request.hasChanges) yield { type: 'change' }
        } else {
          uptoSeq = mark.type === 'recorded' ? mark.seq : Number.MAX_SAFE_INTEGER
          break
        }
      }
    }
  } finally {
    place.queue.close()
  }
}

/** Outputs in one piece; the end of the run only with the last of all. */
function readPage(
  { tenancy }: FeedSource,
  { tenant, run, afterSeq }: Omit<FeedRequest, 'hasChanges'>,
  { number, lineage, uptoSeq }: Omit<Place, 'queue'> & { readonly uptoSeq: number },
): Promise<Page> {
  return tenancy.use(tenant, (handle) =>
    handle.gated(
      handle.read((file) => {
        if (handle.meta.lineage !== lineage || requireRun(file, run).number !== number) throw replaced()
        const outputs = readOutputs(file, number, { afterSeq, uptoSeq, limit: PAGE_COUNT_MAX })
        const record = readRecord(file, number)
        if (record === undefined) throw runNotFound(run)
        const { status, successor, endedAtMs } = record
        const isLast = endedAtMs !== undefined && uptoSeq === Number.MAX_SAFE_INTEGER
        const end = isLast ? ({ type: 'end', status, successor } as const) : undefined
        return { outputs, isFull: outputs.length === PAGE_COUNT_MAX, end }
      }),
    ),
  )
}

function replaced(): TenaxError {
  return new TenaxError('tenant_in_transition', 'the tenant was replaced meanwhile', { hint: 'ask again' })
}
