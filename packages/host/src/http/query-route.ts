/** `POST /t/:id/query`: one statement in plain JSON, a transaction of its own. */
import { parseTenantId, type SqlArgs, type SqlValue } from '@tenax/kernel'
import { decodeJsonArgs, encodeQueryReply, parseBody, queryBodySchema } from '@tenax/protocol'
import type { Bindings } from '@tenax/sqlite'
import { readJson, refuseTooMany } from './body.ts'
import type { AppContext, HostParts } from './environment.ts'

/** Runs the statement in the body. */
export async function query(parts: HostParts, context: AppContext): Promise<Response> {
  const id = parseTenantId(context.req.param('id'))
  const { sql, args } = parseBody(queryBodySchema, refuseTooMany(await readJson(parts, context)))
  const bindings = bindingsOf(decodeJsonArgs(args))
  const result = await parts.tenancy.use(id, (handle) => handle.execute(sql, bindings))
  return context.json(encodeQueryReply(result))
}

/** Arguments by position or by name, as a file binds them. */
export function bindingsOf(args: SqlArgs): Bindings {
  if (isPositional(args)) return { positional: args, named: [] }
  return { positional: [], named: Object.entries(args).map(([name, value]) => ({ name, value })) }
}

function isPositional(args: SqlArgs): args is readonly SqlValue[] {
  return Array.isArray(args)
}
