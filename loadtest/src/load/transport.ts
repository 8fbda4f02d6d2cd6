/** How the driver's raw requests travel: `node:http` with a keep-alive agent, or the platform's fetch. */
import { Agent, request } from 'node:http'

/** A reply, its body parsed; undefined when it is not JSON. */
export interface Reply {
  readonly status: number
  readonly body: unknown
}

/** Sends JSON. Rejects when no reply comes. */
export type Send = (method: 'GET' | 'POST' | 'DELETE', path: string, json?: unknown) => Promise<Reply>

/** What the driver speaks through. `close` lets the connections go. */
export interface Transport {
  readonly send: Send
  close(): void
}

/** A transport to the server at `url`, with at most `inFlight` connections where the agent decides. */
export function openTransport(
  kind: 'http' | 'fetch',
  { url, adminKey, inFlight }: { url: string; adminKey: string | undefined; inFlight: number },
): Transport {
  const base = url.replace(/\/+$/, '')
  const headers = {
    'content-type': 'application/json',
    ...(adminKey === undefined ? {} : { authorization: `Bearer ${adminKey}` }),
  }
  return kind === 'fetch' ? overFetch(base, headers) : overHttp(base, headers, inFlight)
}

function overFetch(base: string, headers: Readonly<Record<string, string>>): Transport {
  return {
    async send(method, path, json) {
      const body = json === undefined ? {} : { body: JSON.stringify(json) }
      const response = await fetch(`${base}${path}`, { method, headers, ...body })
      return { status: response.status, body: parsed(await response.text()) }
    },
    close: () => undefined,
  }
}

function overHttp(base: string, headers: Readonly<Record<string, string>>, inFlight: number): Transport {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight })
  const { hostname, port, pathname } = new URL(base)
  const prefix = pathname.replace(/\/$/, '')
  const send: Send = (method, path, json) => {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const body = json === undefined ? undefined : Buffer.from(JSON.stringify(json))
    const length = body === undefined ? {} : { 'content-length': String(body.byteLength) }
    const options = {
      agent,
      host: hostname,
      port,
      method,
      path: `${prefix}${path}`,
      headers: { ...headers, ...length },
    }
    const outgoing = request(options, (incoming) => {
      let text = ''
      incoming.setEncoding('utf8')
      incoming.on('data', (chunk: string) => {
        text += chunk
      })
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: parsed(text) }))
      incoming.on('error', reject)
    })
    outgoing.on('error', reject)
    outgoing.end(body)
    return promise
  }
  return { send, close: () => agent.destroy() }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
