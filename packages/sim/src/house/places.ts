/** What a path says about a file: whether rules for sources, for tests or for plain text apply to it. */

/** A file of the tree, its path relative to the root with forward slashes. */
export interface HouseFile {
  readonly path: string
  readonly text: string
}

/** TypeScript and JavaScript of the workspace and of the root. */
export function isSource(path: string): boolean {
  return /\.[cm]?[jt]sx?$/.test(path) && (/^(?:apps|packages|loadtest)\//.test(path) || !path.includes('/'))
}

/** A test, a contract suite, or a file that only those use: exactly what the build leaves out. */
export function isTest(path: string): boolean {
  return /\.test\.tsx?$/.test(path) || path.endsWith('/src/contract.ts') || path.includes('/fixtures/')
}

/** A script for k6, which has its own runtime, modules and clock. */
export function isK6(path: string): boolean {
  return path.startsWith('loadtest/k6/')
}

/** The directory of the workspace package that `path` belongs to; undefined for files of the root. */
export function packageDirOf(path: string): string | undefined {
  return /^(?:(?:apps|packages)\/[^/]+|loadtest)(?=\/)/.exec(path)?.[0]
}
