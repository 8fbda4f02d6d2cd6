/**
 * Who may come in. With an admin key: whoever sends it. Without one: this machine only, and no web page. A page in a
 * developer's browser can reach a server on loopback in three ways, each refused here: a request from its own origin
 * (foreign `Origin`), a name that was rebound to 127.0.0.1 (foreign `Host`), and a form or a "simple" request, which
 * browsers send without asking (a content type that a form can send, or none).
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { TenaxError } from '@tenax/kernel'
import type { MiddlewareHandler } from 'hono'
import type { AppEnvironment } from './environment.ts'

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])
const FORM_TYPES: ReadonlySet<string> = new Set([
  'text/plain',
  'multipart/form-data',
  'application/x-www-form-urlencoded',
])
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Asks for the key where there is one, else lets in only what cannot come from a web page. */
export function guard({
  adminKey,
  mode,
}: {
  adminKey: string | undefined
  mode: 'loopback' | 'off'
}): MiddlewareHandler<AppEnvironment> {
  if (adminKey !== undefined) return keyGuard(adminKey)
  return async (context, next) => {
    if (mode === 'loopback') refuseWebPages(context.req.raw)
    context.set('principal', 'local')
    await next()
  }
}

function keyGuard(adminKey: string): MiddlewareHandler<AppEnvironment> {
  const expected = digest(adminKey)
  return async (context, next) => {
    const header = context.req.header('authorization') ?? ''
    const token = /^bearer +([^ ]+)$/i.exec(header)?.[1] ?? ''
    if (!timingSafeEqual(digest(token), expected)) {
      throw new TenaxError('unauthorized', 'a valid key is required', {
        hint: 'send Authorization: Bearer <TENAX_ADMIN_KEY>',
      })
    }
    context.set('principal', 'admin')
    await next()
  }
}

/** Keys are compared by digest: equal lengths, constant time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Throws TenaxError `host_forbidden`, `origin_forbidden`, `content_type_unsupported`. */
export function refuseWebPages(request: Request): void {
  const host = request.headers.get('host') ?? new URL(request.url).host
  if (!LOOPBACK_NAMES.has(withoutPort(host).toLowerCase())) {
    throw new TenaxError('host_forbidden', 'without a key Tenax answers only to localhost, 127.0.0.1 and [::1]', {
      hint: 'use one of those names, or set TENAX_ADMIN_KEY',
    })
  }
  const origin = request.headers.get('origin')
  if (
    origin !== null &&
    origin.toLowerCase() !== `http://${host}`.toLowerCase() &&
    origin.toLowerCase() !== `https://${host}`.toLowerCase()
  ) {
    throw new TenaxError('origin_forbidden', 'requests from other origins are refused', {
      hint: 'set TENAX_ADMIN_KEY and send it',
    })
  }
  if (READING.has(request.method)) return
  const type = (request.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (type === '' || FORM_TYPES.has(type)) {
    throw new TenaxError('content_type_unsupported', 'the content type is missing, or one that a form can send', {
      hint: 'send Content-Type: application/json',
    })
  }
}

function withoutPort(host: string): string {
  return host.replace(/:\d+$/, '')
}
