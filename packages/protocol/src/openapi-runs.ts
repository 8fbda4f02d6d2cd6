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
  reference,
} from './openapi-parts.ts'
import { outputsQuerySchema } from './outputs.ts'
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
    '/t/{id}/runs/{run}/outputs': { get: runOutputs() },
    '/t/{id}/runs/{run}/history': {
      get: onRun('runHistory', 'The record of a run, to replay it against code', answered(json('it', 'RunHistory'))),
    },
    '/t/{id}/runs/{run}/check': {
      get: onRun(
        'checkRun',
        'Whether the code that is loaded would block a run; changes nothing',
        answered(json('what its replay has come to', 'ReplayCheck')),
      ),
    },
    '/t/{id}/runs/{run}/cancel': {
      post: onRun('cancelRun', 'Ask a run to end through its own clean-up', answered(json('the run', 'Run'))),
    },
    '/t/{id}/runs/{run}/pause': {
      post: onRun('pauseRun', 'Let a run start nothing new', answered(json('the run', 'Run'))),
    },
    '/t/{id}/runs/{run}/resume': {
      post: onRun('resumeRun', 'Let a paused run go on', answered(json('the run', 'Run'))),
    },
    '/t/{id}/runs/{run}/retry': {
      post: onRun('retryRun', 'Try a failed or blocked run again', answered(json('the run', 'Run'))),
    },
    '/t/{id}/runs/{run}/skip': {
      post: {
        ...onRun(
          'skipCompensation',
          'Let a run go on without the compensation that is stuck',
          answered(json('it', 'Run')),
        ),
        requestBody: jsonBody('SkipBody'),
      },
    },
    '/t/{id}/runs/{run}/rerun': { post: rerunRun() },
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

function rerunRun(): Operation {
  const preview = answered(json('to `preview`: what would be kept', 'RerunPreview'))
  const operation = onRun('rerunRun', 'Run an ended run again, as a new one', preview)
  const accepted = answered(json('accepted: the new run', 'Run'))
  return {
    ...operation,
    responses: { 202: accepted, ...operation.responses },
    parameters: [...(operation.parameters ?? []), keyParameter],
    requestBody: jsonBody('RerunBody'),
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

function runOutputs(): Operation {
  const page = answered(
    json('a page, or with `Accept: text/event-stream` all that comes until the run has ended', 'OutputPage'),
  )
  const events = { schema: reference('OutputEvent'), description: 'the `data` of each event; its name is `type`' }
  const operation = onRun('runOutputs', 'Read or follow what a run puts out', {
    ...page,
    content: { ...page.content, 'text/event-stream': events },
  })
  const lastId = {
    name: 'Last-Event-ID',
    in: 'header',
    schema: { type: 'integer', minimum: 0 },
    description: 'goes on behind the event of this id',
  }
  return {
    ...operation,
    parameters: [...(operation.parameters ?? []), lastId, ...queryParameters(outputsQuerySchema)],
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
