/** How an author names workflows and events. Nothing is registered: a definition is a value that a host is given. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { isKeptWhole, TenaxError } from '@tenax/kernel'
import type { Ctx, EmbeddedCtx, EventDef, Stored, Workflow, WorkflowDef, WorkflowRef } from './api.ts'
import { parseDuration } from './duration.ts'
import { NAME_CHARACTERS_MAX } from './limits.ts'
import { checkLimits } from './run-limits.ts'

type Output<S extends StandardSchemaV1> = Stored<StandardSchemaV1.InferOutput<S>>

/**
 * A workflow: a plain async function whose operations are recorded. Its input is what the schema accepts, and the body gets
 * the JSON round trip of what the schema gives back.
 *
 * @throws TenaxError `argument_invalid` for a name that is empty, too long or not well-formed, a schema that is none, a wrong duration, or limits that make no sense.
 * @example
 * const greet = workflow({ name: 'greet', input: z.object({ name: z.string() }) }, async (ctx, { name }) => {
 *   await ctx.sleep('a while', '1d')
 *   return ctx.step('greet', () => `Hello ${name}`)
 * })
 */
export function workflow<S extends StandardSchemaV1, O>(
  definition: WorkflowDef<S> & { readonly at?: 'embedded' },
  body: (ctx: EmbeddedCtx, input: Output<S>) => Promise<O>,
): Workflow<StandardSchemaV1.InferInput<S>, Stored<O>>
export function workflow<S extends StandardSchemaV1, O>(
  definition: WorkflowDef<S> & { readonly at: 'anywhere' },
  body: (ctx: Ctx, input: Output<S>) => Promise<O>,
): Workflow<StandardSchemaV1.InferInput<S>, Stored<O>>
export function workflow(
  { at = 'embedded', ...def }: WorkflowDef<StandardSchemaV1> & { readonly at?: 'embedded' | 'anywhere' },
  body: (ctx: never, input: never) => Promise<unknown>,
): Workflow<never, unknown> {
  checkName('workflow', def.name)
  checkSchema(def.name, def.input)
  if (typeof body !== 'function') throw invalid(`workflow "${def.name}" needs a function`)
  checkLimits(def.name, def.limits)
  for (const duration of [def.retention, def.deadline]) if (duration !== undefined) parseDuration(duration)
  return Object.freeze({ name: def.name, def: Object.freeze(def), at, body: body as Workflow['body'] })
}

/**
 * An event by its name, and what it carries. A wait for it and a `send` of it agree on the type.
 *
 * @throws TenaxError `argument_invalid` for a name that is empty, too long or not well-formed, or a schema that is none.
 * @example
 * const approval = event('approval', z.object({ yes: z.boolean() }))
 */
export function event<S extends StandardSchemaV1>(name: string, payload: S): EventDef<Output<S>> {
  checkName('event', name)
  checkSchema(name, payload)
  return Object.freeze({ name, '~schema': payload })
}

/**
 * The name of a workflow that is defined elsewhere, with its types: for recursion, and for clients without server code.
 *
 * @throws TenaxError `argument_invalid` for an empty or too long name.
 * @example
 * const agentRef = ref<{ goal: string }, string>('agent')
 */
export function ref<I, O>(name: string): WorkflowRef<I, O> {
  checkName('workflow', name)
  return Object.freeze({ name })
}

function checkName(what: string, name: unknown): void {
  if (typeof name === 'string' && name !== '' && name.length <= NAME_CHARACTERS_MAX && isKeptWhole(name)) return
  throw invalid(`the name of a ${what} is a well-formed text of 1 to ${NAME_CHARACTERS_MAX} characters without NUL`)
}

function checkSchema(name: string, schema: unknown): void {
  const standard = (schema as StandardSchemaV1 | undefined)?.['~standard']
  if (typeof standard?.validate === 'function') return
  throw new TenaxError('argument_invalid', `"${name}" needs a schema`, {
    hint: 'any library of standardschema.dev will do: zod, valibot, arktype',
  })
}

function invalid(message: string): TenaxError {
  return new TenaxError('argument_invalid', message)
}
