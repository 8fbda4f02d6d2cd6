/** A long verb of the server: begun, shown while it goes on, and given when it has succeeded. */
import type { JobRequest, JobResource } from '@tenax/client'
import type { CommandContext } from '../io.ts'
import { showJob } from './progress.ts'

/** Throws what the job has failed with. Whoever ends the command ends the wait, not the job. */
export async function runJob(context: CommandContext, request: JobRequest): Promise<JobResource> {
  return finishJob(context, await context.client.jobs.start(request))
}

/** As {@link runJob}, of a job that was begun. */
export async function finishJob(context: CommandContext, { id, verb, tenant }: JobResource): Promise<JobResource> {
  const progress = showJob(context, `${verb} ${tenant}`)
  try {
    return await context.client.jobs.wait(id, { onChange: (job) => progress.show(job) })
  } finally {
    await progress.stop()
  }
}
