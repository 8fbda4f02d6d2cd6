/** The server: whether one answers, and takes the key. */
import type { TenaxClient } from '@tenax/client'
import { isTenaxError } from '@tenax/kernel'
import type { Finding } from './check.ts'

/** Asks the server for one tenant. Where no server answers there may be none yet: a warning, not a failure. */
export async function checkServer(client: TenaxClient, url: string): Promise<Finding> {
  const facts = { url }
  try {
    await client.tenants.list({ limit: 1 })
    return { status: 'ok', message: `answers at ${url}`, facts }
  } catch (error) {
    if (!isTenaxError(error)) throw error
    if (error.code === 'unavailable') return { status: 'warn', message: error.message, facts }
    const hint = error.hint === undefined ? '' : ` (${error.hint})`
    return { status: 'fail', message: `${url} says: ${error.message}${hint}`, facts }
  }
}
