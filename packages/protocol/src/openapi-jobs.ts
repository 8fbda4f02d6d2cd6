/** Jobs in the OpenAPI document. */

import { jobQuerySchema } from './jobs.ts'
import { keyParameter } from './openapi-headers.ts'
import {
  type Content,
  idParameter,
  json,
  type Operation,
  type Paths,
  problems,
  queryParameters,
} from './openapi-parts.ts'

const tags = ['jobs']
const parameters = [{ name: 'job', in: 'path', required: true, schema: { type: 'string' }, description: 'job id' }]
const file = { 'application/vnd.sqlite3': { schema: { type: 'string', format: 'binary' } } }

/** A reply of 202: the job, and where to ask for it. */
export const acceptedJob = {
  ...json('with `?job=true`: the job that does it', 'Job'),
  headers: { Location: { schema: { type: 'string' } } },
}

/** The operation, which is answered at once with `?job=true`. */
export function maybeJob(operation: Omit<Operation, 'parameters'>): Operation {
  const responses: Record<string, Content> = { ...operation.responses, 202: acceptedJob }
  return { ...operation, parameters: [idParameter, keyParameter, ...queryParameters(jobQuerySchema)], responses }
}

/** Routes of jobs. */
export function jobPaths(): Paths {
  const one = { 200: json('the job', 'Job'), ...problems }
  return {
    '/v1/jobs': {
      get: {
        operationId: 'listJobs',
        summary: 'List jobs, newest first',
        tags,
        responses: { 200: json('all that are known', 'JobList'), ...problems },
      },
    },
    '/v1/jobs/{job}': {
      get: { operationId: 'getJob', summary: 'Show a job', tags, parameters, responses: one },
      delete: {
        operationId: 'forgetJob',
        summary: 'Forget a job that has ended, and its file',
        tags,
        parameters,
        responses: { 204: { description: 'forgotten' }, ...problems },
      },
    },
    '/v1/jobs/{job}/events': {
      get: {
        operationId: 'followJob',
        summary: 'The job whenever something of it has changed, until it has ended',
        tags,
        parameters,
        responses: {
          200: { description: 'events `progress`, and last `end`, each a Job', content: { 'text/event-stream': {} } },
          ...problems,
        },
      },
    },
    '/v1/jobs/{job}/result': {
      get: {
        operationId: 'getJobResult',
        summary: 'The file of an export that has succeeded',
        tags,
        parameters,
        responses: { 200: { description: 'the file', content: file }, ...problems },
      },
    },
  }
}
