/**
 * `GET /t/:id/runs/:run/outputs`: a page as JSON, or all that comes as server-sent events. A stream holds nothing of what is
 * recorded: the next page is read when the last one has left. A client that does not read is let go after two heartbeats.
 */
import type { OutputFeed } from '@tenax/engine'
import { isTenaxError, messageOf, TenaxError, type Timer } from '@tenax/kernel'
import { DROPPED_EVENT, outputsQuerySchema, parseSearchParams } from '@tenax/protocol'
import { type SSEMessage, type SSEStreamingApi, streamSSE } from 'hono/streaming'
import { HEARTBEAT_MS } from '../limits.ts'
import type { AppContext, HostParts } from './environment.ts'
import { hostFailed } from './failure.ts'
import { eventResource } from './output-resource.ts'

/** What of a run is asked for: a page, or a stream, behind the output `after`. */
export interface OutputsRequest {
  readonly isStream: boolean
  readonly hasChanges: boolean
  readonly after: number
  readonly limit: number
}

/** Throws TenaxError `argument_invalid`. */
export function outputsRequestOf(context: AppContext): OutputsRequest {
  const { req } = context
  const { after, limit, changes } = parseSearchParams(outputsQuerySchema, new URL(req.url).searchParams)
  const isStream = req.method === 'GET' && /\btext\/event-stream\b/i.test(req.header('accept') ?? '')
  const lastId = req.header('last-event-id') ?? ''
  const request = { isStream, hasChanges: changes === 'true', limit }
  if (lastId === '') return { ...request, after }
  if (/^[0-9]{1,9}$/.test(lastId)) return { ...request, after: Number(lastId) }
  throw new TenaxError('argument_invalid', 'Last-Event-ID is not the id of an output', {
    hint: 'send the id of the last event that had one, or leave it out',
  })
}

/** The stream of what `feed` gives. It ends with an `end` event, or a `dropped` one that says why. */
export function streamOutputs(parts: HostParts, context: AppContext, feed: OutputFeed): Response {
  return streamSSE(context, async (stream) => {
    const sender = new Sender(parts, stream, feed)
    try {
      for await (const item of feed) {
        if (parts.hasFailed()) throw hostFailed()
        const event = eventResource(item)
        const id = 'seq' in event ? { id: String(event.seq) } : {}
        await sender.send({ event: event.type, data: JSON.stringify(event), ...id })
      }
    } catch (error) {
      await sender.send(droppedFor(parts, error))
    } finally {
      sender.close()
    }
  })
}

function droppedFor(parts: HostParts, error: unknown): SSEMessage {
  if (!isTenaxError(error)) parts.settings.onError(error)
  const { code, message } = isTenaxError(error)
    ? error
    : { code: 'internal', message: `the stream failed: ${messageOf(error)}` }
  return { event: DROPPED_EVENT, data: JSON.stringify({ code, message }) }
}

/** Writes to one client, one thing at a time, and sees that it reads. */
class Sender {
  readonly #parts: HostParts
  readonly #stream: SSEStreamingApi
  readonly #feed: OutputFeed
  readonly #stopWaiting: () => void
  #pendingCount = 0
  #doneCount = 0
  /** Of the last heartbeat: what was done, if something was under way. */
  #stuckAtCount: number | undefined
  #timer: Timer

  constructor(parts: HostParts, stream: SSEStreamingApi, feed: OutputFeed) {
    this.#parts = parts
    this.#stream = stream
    this.#feed = feed
    this.#timer = this.#next()
    stream.onAbort(() => this.close())
    this.#stopWaiting = parts.waits.onEnd(() => feed.fail(stopping()))
  }

  async send(message: SSEMessage): Promise<void> {
    await this.#write(() => this.#stream.writeSSE(message))
  }

  close(): void {
    this.#timer.cancel()
    this.#stopWaiting()
    this.#feed.close()
  }

  async #write(work: () => Promise<unknown>): Promise<void> {
    this.#pendingCount += 1
    await work()
    this.#pendingCount -= 1
    this.#doneCount += 1
  }

  #next(): Timer {
    return this.#parts.settings.clock.after(HEARTBEAT_MS, () => this.#beat())
  }

  #beat(): void {
    if (this.#pendingCount > 0 && this.#stuckAtCount === this.#doneCount) {
      // It reads nothing, so nothing can be said to it; it finds the stream cut off, and comes back behind what it had.
      this.#stream.abort()
      return
    }
    this.#stuckAtCount = this.#pendingCount > 0 ? this.#doneCount : undefined
    if (this.#pendingCount === 0) void this.#write(() => this.#stream.write(': still there\n\n'))
    this.#timer = this.#next()
  }
}

function stopping(): TenaxError {
  return new TenaxError('unavailable', 'the host is stopping', { hint: 'ask again behind the last recorded output' })
}
