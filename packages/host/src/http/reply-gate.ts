/**
 * The gate over HTTP (LEDGER G1): the class that a request asks for, and what its reply says of the class that it was
 * given. Errors and reads included.
 */
import { type DurabilityClass, parseDurabilityClass, TenaxError } from '@tenax/kernel'
import { Gate, type Tenancy } from '@tenax/tenancy'
import type { MiddlewareHandler } from 'hono'
import type { AppContext, AppEnvironment, HostParts } from './environment.ts'

/** On requests the class asked for, on replies the class used. */
export const DURABILITY_HEADER = 'Tenax-Durability'

/** The position that a reply has seen: `<lineage>.<lsn>`. */
export const LSN_HEADER = 'Tenax-LSN'

/** For the routes of one tenant: the reply leaves when all that it saw has its class, and says so. */
export function tenantGate({ tenancy }: HostParts): MiddlewareHandler<AppEnvironment> {
  return async (context, next) => {
    const gate = new Gate(askedClass(context, tenancy))
    context.set('gate', gate)
    await next()
    await gate.leave()
    const { seen } = gate
    // Whoever came to no tenant has seen that it is not there, or suspended.
    if (seen === undefined) return tenancy.classes.catalogsDurable()
    context.res.headers.set(DURABILITY_HEADER, seen.durability)
    context.res.headers.set(LSN_HEADER, `${seen.lineage}.${seen.lsn}`)
  }
}

/** For the routes that show catalogs: what they have shown is durable before the reply leaves, whatever it says. */
export function catalogGate({ tenancy }: HostParts): MiddlewareHandler<AppEnvironment> {
  return async (_context, next) => {
    await next()
    await tenancy.classes.catalogsDurable()
  }
}

/** @throws TenaxError `argument_invalid`, `remote_not_configured` */
function askedClass(context: AppContext, tenancy: Tenancy): DurabilityClass | undefined {
  const text = context.req.header(DURABILITY_HEADER)
  if (text === undefined) return undefined
  const asked = parseDurabilityClass(text)
  if (asked !== undefined) return tenancy.classes.promised(asked)
  throw new TenaxError('argument_invalid', `${DURABILITY_HEADER} is none of relaxed, local, remote`, {
    hint: 'leave it out for the class of the tenant',
  })
}
