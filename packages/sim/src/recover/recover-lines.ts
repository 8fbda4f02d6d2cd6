/** What a life of a host that is to lose its disk is told, and what it says. */
import type { StoreSettings } from 'tenax'
import { z } from 'zod'
import { sayLine } from '../child.ts'

/** What one life is to do. */
export interface RecoverOrder {
  readonly dataPath: string
  readonly store: StoreSettings
  readonly tenantCount: number
  /** Dies at so many calls of the store, wherever it is then. */
  readonly callsMax?: number
  /** Looks at everything and closes, instead of writing. */
  readonly isLast?: boolean
}

const row = { id: z.string(), seq: z.number() }
const Line = z.discriminatedUnion('type', [
  /** The host serves, `recovered` when it has made its directory from the store. */
  z.object({ type: z.literal('open'), recovered: z.boolean() }),
  /** What a tenant has. */
  z.object({ type: z.literal('rows'), id: z.string(), count: z.number(), last: z.number() }),
  z.object({ type: z.literal('looked') }),
  z.object({ type: z.literal('send'), ...row }),
  /** Acknowledged, at this time of the process, with this class. */
  z.object({ type: z.literal('sent'), ...row, isRemote: z.boolean(), atMs: z.number() }),
  /** How old the oldest commit is that is not stored. */
  z.object({ type: z.literal('lag'), lagMs: z.number(), atMs: z.number() }),
  z.object({ type: z.literal('dies') }),
  z.object({ type: z.literal('violation'), text: z.string() }),
])

/** One line. */
export type RecoverLine = z.infer<typeof Line>

/** The child's side. */
export function say(line: RecoverLine): void {
  sayLine(JSON.stringify(line))
}

/** The parent's side. */
export function parseRecoverLine(text: string): RecoverLine {
  return Line.parse(JSON.parse(text))
}
