/** Self times in a profile of V8 (`--cpu-prof`). Idle time is left out. */

/** Time spent in one function or place, without what it called. */
export interface SelfTime {
  readonly name: string
  readonly selfMs: number
}

/** Self times, the largest first. */
export interface SelfTimes {
  readonly busyMs: number
  /** By function, with its file and line. */
  readonly functions: readonly SelfTime[]
  /** By package of ours, dependency, or part of Node. */
  readonly places: readonly SelfTime[]
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
}

interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Adds up the samples of `profile`. Throws when it is none. */
export function selfTimes(profile: unknown): SelfTimes {
  if (!isProfile(profile)) throw new Error('not a profile of V8')
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const functions = new Map<string, number>()
  const places = new Map<string, number>()
  let busyMs = 0
  for (const [index, sample] of profile.samples.entries()) {
    const frame = nodes.get(sample)?.callFrame
    if (frame === undefined || frame.functionName === '(idle)') continue
    const selfMs = (profile.timeDeltas[index] ?? 0) / 1000
    busyMs += selfMs
    add(functions, `${frame.functionName || '(anonymous)'}  ${shortPath(frame.url)}:${frame.lineNumber + 1}`, selfMs)
    add(places, placeOf(frame), selfMs)
  }
  return { busyMs, functions: ordered(functions), places: ordered(places) }
}

function isProfile(value: unknown): value is Profile {
  return typeof value === 'object' && value !== null && 'nodes' in value && 'samples' in value && 'timeDeltas' in value
}

function add(times: Map<string, number>, name: string, selfMs: number): void {
  times.set(name, (times.get(name) ?? 0) + selfMs)
}

function ordered(times: ReadonlyMap<string, number>): SelfTime[] {
  return [...times].map(([name, selfMs]) => ({ name, selfMs })).sort((a, b) => b.selfMs - a.selfMs)
}

/** The path from the last `node_modules`, or from the package of ours. */
function shortPath(url: string): string {
  return /.*\/node_modules\/(.+)$/.exec(url)?.[1] ?? /\/((?:apps|packages)\/.+)$/.exec(url)?.[1] ?? url
}

function placeOf({ functionName, url }: ProfileNode['callFrame']): string {
  if (url === '') return functionName.startsWith('(') ? functionName : 'native code'
  const path = shortPath(url)
  if (path.startsWith('node:')) return path.split('/').slice(0, 2).join('/')
  const dependency = /^(@[^/]+\/[^/]+|[^/@]+)\//.exec(path)?.[1] ?? path
  return /^(?:apps|packages)\//.test(path) ? path.split('/').slice(0, 2).join('/') : dependency
}
