/**
 * The cheapest HTTP/1.1 client that Node allows: prepared bytes out, head and body in, one request in flight per
 * connection. A load generator shares the machine with the server that it measures, so each microsecond here is one less
 * there. It understands nothing but `Content-Length`.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A reply, its body as text. */
export interface WireReply {
  readonly status: number
  readonly body: string
}

/** A keep-alive connection to a port of loopback. */
export class WireConnection {
  readonly #socket: Socket
  #pending: PromiseWithResolvers<WireReply> | undefined
  #received = ''

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => this.#onData(chunk))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the server closed the connection')))
  }

  /** Connects. Throws when nobody listens. */
  static async open(port: number): Promise<WireConnection> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new WireConnection(socket)
  }

  /** Sends a whole request and resolves with its reply. The one before must have been answered. */
  exchange(request: string): Promise<WireReply> {
    this.#pending = Promise.withResolvers<WireReply>()
    this.#socket.write(request, 'latin1')
    return this.#pending.promise
  }

  close(): void {
    this.#pending = undefined
    this.#socket.destroy()
  }

  #onData(chunk: string): void {
    this.#received = this.#received === '' ? chunk : this.#received + chunk
    const headEnd = this.#received.indexOf('\r\n\r\n')
    if (headEnd === -1) return
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.#received)?.[1]
    if (length === undefined) {
      this.#fail(new Error('a reply without Content-Length'))
      return
    }
    const end = headEnd + 4 + Number(length)
    if (this.#received.length < end) return
    const reply = { status: Number(this.#received.slice(9, 12)), body: this.#received.slice(headEnd + 4, end) }
    this.#received = this.#received.slice(end)
    const pending = this.#pending
    this.#pending = undefined
    pending?.resolve(reply)
  }

  #fail(error: Error): void {
    this.#pending?.reject(error)
    this.#pending = undefined
  }
}
