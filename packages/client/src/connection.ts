/** How requests reach a server: one base URL, one key, one `fetch`; every failure leaves here as a TenaxError. */
import { TenaxError } from '@tenax/kernel'
import { failureOf, malformedReply, networkFailure, parseJson } from './failure.ts'

/** Anything that answers requests: the platform's `fetch`, or the `fetch` of a Tenax embedded in the same process. */
export type FetchFunction = (request: Request) => Response | Promise<Response>

/** Where a client sends its requests. */
export interface TenaxClientOptions {
  /** `http:` or `https:`; a path in it stays in front of `/v1` and `/t`. */
  readonly url: string
  /** Sent as bearer on every request. */
  readonly adminKey?: string | undefined
  /** Default: the platform's. */
  readonly fetch?: FetchFunction | undefined
}

/** Checked {@link TenaxClientOptions}. */
export interface Connection {
  /** Ends with a slash. */
  readonly baseUrl: string
  readonly origin: string
  readonly adminKey: string | undefined
  readonly fetch: FetchFunction
}

/** The body types that the platform's `fetch` takes and this client sends. */
export type RequestBody = ReadableStream<Uint8Array> | Blob | Uint8Array<ArrayBuffer> | string

/** One request. `path` is relative to the base URL and holds nothing but fixed words and parsed ids. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly json?: unknown
  readonly body?: RequestBody
  readonly headers?: Readonly<Record<string, string>>
  /** Ends the request, and its reply where that is still coming. */
  readonly signal?: AbortSignal | undefined
}

/** The part of a zod schema that a reply needs. */
export interface ReplySchema<Reply> {
  safeParse(value: unknown): { success: true; data: Reply } | { success: false; error: unknown }
}

/**
 * The connection that `options` describe; nothing is sent.
 *
 * @throws TenaxError `argument_invalid`
 */
export function connect(options: TenaxClientOptions): Connection {
  const url = URL.parse(options.url)
  if (url === null || !/^https?:$/.test(url.protocol)) throw invalidUrl('it is not an http or https URL')
  if (url.username !== '' || url.password !== '') throw invalidUrl('it carries a user name or a password')
  if (url.search !== '' || url.hash !== '') throw invalidUrl('it has a query or a fragment')
  if (options.adminKey !== undefined && !/^[\x21-\x7e]+$/.test(options.adminKey)) {
    throw new TenaxError('argument_invalid', 'the admin key is empty or holds a character that no header can carry', {
      hint: 'use visible ASCII characters only',
    })
  }
  return {
    baseUrl: url.href.endsWith('/') ? url.href : `${url.href}/`,
    origin: url.origin,
    adminKey: options.adminKey,
    fetch: options.fetch ?? ((request) => globalThis.fetch(request)),
  }
}

function invalidUrl(why: string): TenaxError {
  return new TenaxError('argument_invalid', `the URL of the server is refused: ${why}`, {
    hint: 'write it as http://127.0.0.1:8787; the key is an option of its own',
  })
}

/**
 * The reply to `call`, whose body `schema` describes.
 *
 * @throws TenaxError what the server answered; `unavailable` when it did not; `internal` for a malformed reply
 */
export async function callJson<Reply>(connection: Connection, call: Call, schema: ReplySchema<Reply>): Promise<Reply> {
  return (await callWithHeaders(connection, call, schema)).reply
}

/** As {@link callJson}, with the headers of the reply. */
export async function callWithHeaders<Reply>(
  connection: Connection,
  call: Call,
  schema: ReplySchema<Reply>,
): Promise<{ readonly reply: Reply; readonly headers: Headers }> {
  const response = await send(connection, call)
  const parsed = schema.safeParse(parseJson(await reachable(connection, () => response.text())))
  if (!parsed.success) throw malformedReply(`${call.method} ${call.path}`, parsed.error)
  return { reply: parsed.data, headers: response.headers }
}

/** The JSON value that `call` was answered with; undefined when the reply is not JSON. Throws as {@link callJson}. */
export async function callValue(connection: Connection, call: Call): Promise<unknown> {
  const response = await send(connection, call)
  return parseJson(await reachable(connection, () => response.text()))
}

/** The response to `call`, which is one of 2xx. Throws as {@link callJson}. */
export async function send(connection: Connection, call: Call): Promise<Response> {
  const request = requestOf(connection, call)
  const response = await reachable(connection, () => connection.fetch(request))
  if (!response.ok) throw await failureOf(response)
  return response
}

async function reachable<Result>(connection: Connection, run: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await run()
  } catch (error) {
    throw networkFailure(connection.origin, error)
  }
}

function requestOf(connection: Connection, call: Call): Request {
  const url = new URL(connection.baseUrl + call.path)
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value))
  }
  const body = call.json === undefined ? call.body : JSON.stringify(call.json)
  return new Request(url, {
    method: call.method,
    headers: headersOf(connection, call),
    redirect: 'manual',
    ...(call.signal === undefined ? {} : { signal: call.signal }),
    ...(body === undefined ? {} : { body, duplex: 'half' as const }),
  })
}

function headersOf({ adminKey }: Connection, call: Call): Record<string, string> {
  return {
    accept: 'application/json, application/problem+json',
    // Tenax refuses a change without a content type, also where it has no body: no form of a web page can send this one.
    ...(call.method === 'GET' ? {} : { 'content-type': 'application/json' }),
    ...(adminKey === undefined ? {} : { authorization: `Bearer ${adminKey}` }),
    ...call.headers,
  }
}
