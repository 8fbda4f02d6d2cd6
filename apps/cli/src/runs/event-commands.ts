/** `tenax events …`. */
import { type CommandContext, print, printJson } from '../io.ts'

/** Options of `events send`. */
export interface SendOptions {
  readonly key?: string | undefined
  readonly run?: string
  readonly id?: string
}

/** What `events send` sends. */
export interface SendArguments extends SendOptions {
  readonly tenant: string
  readonly name: string
  readonly payload: unknown
}

/** `events send`. */
export async function sendEvent(context: CommandContext, given: SendArguments): Promise<void> {
  const { tenant, name, payload, key, run, id } = given
  const sent = await context.client.tenant(tenant).events.send(name, payload, { key, run, id })
  if (context.json) printJson(context.io, sent)
  else print(context.io, `${sent.isNew ? 'sent' : 'had already received'} event ${sent.id} at ${sent.receivedAt}`)
}
