/** Server-sent events to one client: one thing at a time, a sign of life now and then, and an end for who does not read. */
import { TenaxError, type Timer } from '@tenax/kernel'
import type { SSEMessage, SSEStreamingApi } from 'hono/streaming'
import { HEARTBEAT_MS } from '../limits.ts'
import type { HostParts } from './environment.ts'

/** What is sent, as far as its end goes. */
interface Feed {
  close(): void
  fail(failure: TenaxError): void
}

/** Writes to one client, one thing at a time, and sees that it reads. */
export class SseSender {
  readonly #parts: HostParts
  readonly #stream: SSEStreamingApi
  readonly #feed: Feed
  readonly #stopWaiting: () => void
  #pendingCount = 0
  #doneCount = 0
  /** Of the last heartbeat: what was done, if something was under way. */
  #stuckAtCount: number | undefined
  #timer: Timer

  constructor(parts: HostParts, stream: SSEStreamingApi, feed: Feed) {
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
  return new TenaxError('unavailable', 'the host is stopping', { hint: 'ask again behind the last event' })
}
