/** What comes in from outside: parsed by its schema once, and stored as what the schema gave back. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { messageOf, TenaxError } from '@tenax/kernel'
import type { EventDef, Workflow } from './api.ts'
import { encodeJson } from './core/json.ts'

/** One thing that is wrong with an input. */
export interface InputIssue {
  /** Keys and indexes from the top, such as `['lines', 0, 'price']`; empty for the whole. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

/**
 * The JSON text of a workflow's input, as its schema gives it back. Schemas may be asynchronous.
 *
 * @throws TenaxError `input_invalid` with `details.issues`, a list of {@link InputIssue}.
 * @example
 * const inputJson = await parseInput(greet, { name: 'Ann' })
 */
export async function parseInput(
  workflow: Pick<Workflow, 'name' | 'def'>,
  input: unknown,
): Promise<string | undefined> {
  return parsed(`the input of workflow "${workflow.name}"`, workflow.def.input, input)
}

/**
 * The JSON text of an event's payload, as its schema gives it back; as it is where the definition has no schema.
 *
 * @throws TenaxError `input_invalid` with `details.issues`, a list of {@link InputIssue}.
 * @example
 * const payloadJson = await parsePayload(approval, { yes: true })
 */
export async function parsePayload<P>(event: EventDef<P>, payload: unknown): Promise<string | undefined> {
  const what = `the payload of event "${event.name}"`
  const schema = event['~schema']
  return schema === undefined ? stored(what, payload) : parsed(what, schema, payload)
}

async function parsed(what: string, schema: StandardSchemaV1, value: unknown): Promise<string | undefined> {
  const result = await validated(what, schema, value)
  if (result.issues === undefined) return stored(what, result.value)
  throw invalid(what, result.issues.map(issueOf))
}

/** A schema that throws refuses: what asks for a child would be tried again for ever. */
async function validated(what: string, schema: StandardSchemaV1, value: unknown) {
  try {
    return await schema['~standard'].validate(value)
  } catch (error) {
    throw invalid(what, [{ path: [], message: `the schema threw: ${messageOf(error)}` }])
  }
}

/** A schema may give back what JSON cannot hold. */
function stored(what: string, value: unknown): string | undefined {
  try {
    return encodeJson(value)
  } catch (error) {
    throw invalid(what, [{ path: [], message: (error as Error).message }])
  }
}

function issueOf({ message, path = [] }: StandardSchemaV1.Issue): InputIssue {
  return { message, path: path.map((part) => keyOf(typeof part === 'object' ? part.key : part)) }
}

function keyOf(key: PropertyKey): string | number {
  return typeof key === 'number' ? key : String(key)
}

function invalid(what: string, issues: readonly InputIssue[]): TenaxError {
  const [first] = issues
  const place = first === undefined || first.path.length === 0 ? '' : ` at ${first.path.join('.')}`
  const more = issues.length > 1 ? `, and ${issues.length - 1} more` : ''
  const message = `${what} is invalid${place}: ${first?.message ?? 'the schema gives no reason'}${more}`
  return new TenaxError('input_invalid', message, { details: { issues } })
}
