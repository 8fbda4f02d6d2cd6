/** Reads the tree that git would commit: tracked files and new ones that are not ignored. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { HouseFile } from './places.ts'

const LIST_BYTES_MAX = 16 * 1024 * 1024

/** Every file under `root`, sorted by path. A binary file has no text: only its path is looked at. */
export function readTree(root: string): HouseFile[] {
  // A checkout may belong to another user than the one that tests it, which git refuses unless told.
  const args = ['-c', `safe.directory=${root}`, 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: LIST_BYTES_MAX })
  const paths = [...new Set(listed.split('\0'))].filter((path) => path !== '' && isFile(join(root, path)))
  return paths.sort().map((path) => ({ path, text: readText(join(root, path)) }))
}

/** A tracked file may be deleted in the working tree, and a link may lead to a directory. */
function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile()
}

function readText(path: string): string {
  const bytes = readFileSync(path)
  return bytes.includes(0) ? '' : bytes.toString('utf8')
}
