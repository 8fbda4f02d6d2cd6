/** The load generator as a process of its own: a job comes over IPC, its result goes back. */
import { drive } from './drive.ts'
import { isLoadJob } from './load-job.ts'

process.on('message', (message: unknown) => {
  if (!isLoadJob(message)) throw new Error('not a job')
  drive(message).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})
