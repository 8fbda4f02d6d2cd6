/** The version of Tenax: that of this package, since all packages carry the same one. */
import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { TenaxError } from '@tenax/kernel'

/** What `package.json` says; `tenax.json` keeps it of the Tenax that made a data directory. */
export function ownVersion(): string {
  const path = findPackageJSON(import.meta.url)
  const manifest: unknown = path === undefined ? undefined : JSON.parse(readFileSync(path, 'utf8'))
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version)
  throw new TenaxError('internal', 'the package has no version')
}
