/** `/v1/jobs`: long verbs that go on while nobody waits. */
import { TenaxError } from '@tenax/kernel'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Job } from '../jobs/job.ts'
import { JobFeed } from '../jobs/job-feed.ts'
import type { AppContext, AppEnvironment, HostParts } from './environment.ts'
import { hostFailed } from './failure.ts'
import { jobResource } from './job-resource.ts'
import { fileHeaders } from './kept-file.ts'
import { droppedFor } from './output-stream.ts'
import { SseSender } from './sse-sender.ts'

/** Routes below `/v1/jobs`. */
export function jobRoutes(parts: HostParts): Hono<AppEnvironment> {
  const { jobs } = parts
  const app = new Hono<AppEnvironment>()
  const named = (context: AppContext): Job => jobs.get(context.req.param('job') ?? '')
  app.get('/', (context) => context.json({ jobs: jobs.list().map(jobResource) }))
  app.get('/:job', (context) => context.json(jobResource(named(context).record)))
  app.delete('/:job', async (context) => {
    await jobs.forget(context.req.param('job'))
    return context.body(null, 204)
  })
  app.get('/:job/events', (context) => streamJob(parts, context, named(context)))
  app.get('/:job/result', (context) => resultFile(named(context), context.req.method))
  return app
}

function streamJob(parts: HostParts, context: AppContext, job: Job): Response {
  const feed = new JobFeed(job, parts.settings.clock, lastVersionOf(context))
  return streamSSE(context, async (stream) => {
    const sender = new SseSender(parts, stream, feed)
    try {
      for await (const record of feed) {
        if (parts.hasFailed()) throw hostFailed()
        const event = record.endedAtMs === undefined ? 'progress' : 'end'
        await sender.send({ event, id: String(record.version), data: JSON.stringify(jobResource(record)) })
      }
    } catch (error) {
      await sender.send(droppedFor(parts, error))
    } finally {
      sender.close()
    }
  })
}

/** Throws TenaxError `argument_invalid`. */
function lastVersionOf({ req }: AppContext): number {
  const id = req.header('last-event-id') ?? ''
  if (id === '') return 0
  if (/^[0-9]{1,9}$/.test(id)) return Number(id)
  throw new TenaxError('argument_invalid', 'Last-Event-ID is not the id of an event', {
    hint: 'send the id of the last event, or leave it out',
  })
}

function resultFile(job: Job, method: string): Response {
  const { id, tenant, outcome } = job.record
  const file = outcome?.file
  if (file === undefined) {
    throw new TenaxError('job_result_none', `job "${id}" has no file`, {
      hint: 'an export has one when it has succeeded; what other verbs answer stands in the job itself',
    })
  }
  const headers = fileHeaders(tenant, file.bytes)
  return new Response(method === 'HEAD' ? null : ReadableStream.from(file.read()), { headers })
}
