/** `POST /t/:id/query`: one statement in plain JSON, a transaction of its own. */
import { parseTenantId, type SqlArgs, type SqlValue } from '@tenax/kernel'
import { decodeJsonArgs, encodeQueryReply, parseBody, queryBodySchema } from '@tenax/protocol'
import type { Bindings } from '@tenax/sqlite'
import { type KeyedTransaction, runKeyed } from '@tenax/tenancy'
import { readJson, refuseTooMany } from './body.ts'
import type { AppContext, HostParts } from './environment.ts'
import { answerKeyed, idempotencyKeyOf } from './idempotency.ts'

/** Runs the statement in the body. */
export async function query(parts: HostParts, context: AppContext): Promise<Response> {
  const id = parseTenantId(context.req.param('id'))
  const body = refuseTooMany(await readJson(parts, context))
  const { sql, args } = parseBody(queryBodySchema, body)
  const bindings = bindingsOf(decodeJsonArgs(args))
  const gate = context.get('gate')
  const idempotency = idempotencyKeyOf(context, 'query', body)
  if (idempotency !== undefined) {
    const once = async (transaction: KeyedTransaction) => {
      const reply = JSON.stringify(encodeQueryReply(await transaction.run(sql, bindings)))
      return { reply, commits: transaction.hasWritten }
    }
    const request = { idempotency, gate, shape: 'statement' } as const
    return answerKeyed(await parts.tenancy.use(id, (handle) => runKeyed(handle, request, once)))
  }
  const result = await parts.tenancy.use(id, (handle) => handle.execute(sql, bindings, gate))
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
