/** The pieces that every route of the OpenAPI document is made of. */
import { z } from 'zod'
import { type ComponentName, componentUri } from './openapi-components.ts'
import { PROBLEM_CONTENT_TYPE } from './problem.ts'

/** One reply. */
export interface Content {
  readonly description: string
  readonly content?: Record<string, object>
  readonly headers?: Record<string, object>
}

/** One method of a path. */
export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly parameters?: readonly object[]
  readonly requestBody?: object
  readonly security?: readonly object[]
  readonly responses: Record<string, Content>
}

/** Routes by path and method. */
export type Paths = Record<string, Partial<Record<'get' | 'post' | 'put' | 'patch' | 'delete', Operation>>>

/** How any route fails. */
export const problems = {
  default: {
    description: 'failed; branch on `code`',
    content: { [PROBLEM_CONTENT_TYPE]: { schema: reference('Problem') } },
  },
}

/** How the Hrana routes fail. */
export const hranaFailures = { default: json('the whole request failed, and the stream is closed', 'HranaError') }

/** The tenant in the path. */
export const idParameter = {
  name: 'id',
  in: 'path',
  required: true,
  schema: { type: 'string' },
  description: 'tenant id',
}

/** An operation on one tenant: the path names it. */
export function onTenant(operation: Omit<Operation, 'parameters'>): Operation {
  return { ...operation, parameters: [idParameter] }
}

/** A reply in JSON. */
export function json(description: string, name: ComponentName): Content {
  return { description, content: { 'application/json': { schema: reference(name) } } }
}

/** A request in JSON. */
export function jsonBody(name: ComponentName): object {
  return { required: true, content: { 'application/json': { schema: reference(name) } } }
}

/** A pointer to a named schema. */
export function reference(name: ComponentName): { readonly $ref: string } {
  return { $ref: componentUri(name) }
}

/** The members of a query string. */
export function queryParameters(schema: z.ZodType): object[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' })
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema: property,
  }))
}
