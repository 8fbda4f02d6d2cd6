/** Runs and events in the OpenAPI document. */
import { answered, durabilityParameter, keyParameter } from './openapi-headers.ts'
import {
  idParameter,
  json,
  jsonBody,
  type Operation,
  onTenant,
  type Paths,
  problems,
  queryParameters,
} from './openapi-parts.ts'
import { listRunsQuerySchema, runResultQuerySchema } from './runs.ts'

const tags = ['workflows']

const runParameter = { name: 'run', in: 'path', required: true, schema: { type: 'string' }, description: 'run id' }

/** Routes of a tenant's workflows. */
export function runPaths(): Paths {
  return {
    '/t/{id}/runs': { post: startRun(), get: listRuns() },
    '/t/{id}/runs/{run}': {
      get: onRun('getRun', 'Show a run, its steps, and what it waits for', answered(json('the run', 'RunDetail'))),
    },
    '/t/{id}/runs/{run}/result': { get: runResult() },
    '/t/{id}/runs/{run}/cancel': {
      post: onRun('cancelRun', 'Ask a run to end through its own clean-up', answered(json('the run', 'Run'))),
    },
    '/t/{id}/runs/{run}/terminate': {
      post: onRun('terminateRun', 'End a run where it stands', answered(json('the run', 'Run'))),
    },
    '/t/{id}/events': { post: sendEvent() },
    '/v1/tenants/{id}/workflows/release': {
      post: onTenant({
        operationId: 'releaseWorkflows',
        summary: 'Let runs go on that an import holds, and try blocked ones again',
        tags,
        responses: { 200: json('how many', 'ReleaseReceipt'), ...problems },
      }),
    },
  }
}

function startRun(): Operation {
  const accepted = answered(json('accepted: it completes, whatever happens', 'Run'))
  const headers = { ...accepted.headers, Location: { schema: { type: 'string' } } }
  return {
    ...onTenant({
      operationId: 'startRun',
      summary: 'Start a run of a workflow',
      tags,
      responses: { 202: { ...accepted, headers }, ...problems },
    }),
    parameters: [idParameter, durabilityParameter, keyParameter],
    requestBody: jsonBody('StartRunBody'),
  }
}

function listRuns(): Operation {
  const responses = { 200: answered(json('a page', 'RunPage')), ...problems }
  return {
    ...onTenant({ operationId: 'listRuns', summary: 'List runs, newest first', tags, responses }),
    parameters: [idParameter, durabilityParameter, ...queryParameters(listRunsQuerySchema)],
  }
}

function runResult(): Operation {
  const reply = answered(json('the run once it has ended, or as it is when the time is over', 'RunResult'))
  const operation = onRun('runResult', 'Wait for the end of a run', reply)
  return {
    ...operation,
    parameters: [...(operation.parameters ?? []), ...queryParameters(runResultQuerySchema)],
  }
}

function sendEvent(): Operation {
  const responses = { 202: answered(json('received', 'SentEvent')), ...problems }
  return {
    ...onTenant({ operationId: 'sendEvent', summary: 'Send an event to runs that wait for it', tags, responses }),
    parameters: [idParameter, durabilityParameter, keyParameter],
    requestBody: jsonBody('SendEventBody'),
  }
}

function onRun(operationId: string, summary: string, reply: Operation['responses'][string]): Operation {
  const operation = onTenant({ operationId, summary, tags, responses: { 200: reply, ...problems } })
  return { ...operation, parameters: [idParameter, runParameter, durabilityParameter] }
}
