/** The runtime: the version of Node, and whether the native engine loads in it. */
import { messageOf } from '@tenax/kernel'
import type { Finding } from './check.ts'

const NODE_MIN: readonly [major: number, minor: number] = [22, 18]

/** Whether `version` (such as `24.21.0`) is new enough. */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isEnough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])
  const facts = { version }
  return isEnough
    ? { status: 'ok', message: version, facts }
    : { status: 'fail', message: `${version}: Tenax needs ${NODE_MIN.join('.')} or newer`, facts }
}

/** Whether the engine loads by `load`; what it needs is a native module built for this machine. */
export async function checkEngine(load: () => Promise<unknown>): Promise<Finding> {
  try {
    await load()
    return { status: 'ok', message: 'loads' }
  } catch (error) {
    return { status: 'fail', message: `does not load: ${messageOf(error)}` }
  }
}
