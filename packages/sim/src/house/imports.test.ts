import { describe, expect, test } from 'vitest'
import { IMPORT_TABLE, packageNamed, permission } from './import-table.ts'
import { checkImports, importsOf } from './imports.ts'
import { checkManifest, type Manifest, parseManifest } from './manifests.ts'
import { packageDirOf } from './places.ts'
import { scanSource } from './source-text.ts'

function manifest(name: string, parts: Record<string, unknown> = {}): Manifest {
  return parseManifest({
    path: `${IMPORT_TABLE[name]?.dir}/package.json`,
    text: JSON.stringify({ name, exports: { '.': 'a', './contract': 'b' }, ...parts }, null, 2),
  })
}

const OURS = Object.fromEntries(Object.keys(IMPORT_TABLE).map((name) => [name, 'workspace:*']))
const manifests = new Map(
  Object.keys(IMPORT_TABLE).map((name) => [
    name,
    manifest(name, {
      dependencies: { ...OURS, hono: 'catalog:', '@aws-sdk/client-s3': 'catalog:' },
      devDependencies: { kysely: 'catalog:' },
    }),
  ]),
)
const found = (path: string, text: string) => checkImports(scanSource(path, text), manifests)

test('importsOf() tells static, type and lazy imports apart, and is not fooled by strings', () => {
  const text = `import a, { type B } from 'one'
import type { C } from "two"
import 'three'
export { D } from 'four'
export type { E } from './five.ts'
const f = await import('six')
const g = "import h from 'seven'"
import {
  i,
} from 'eight'
export const from = 'nine'
`
  expect(importsOf(scanSource('a.ts', text)).map((one) => `${one.kind} ${one.specifier}`)).toEqual([
    'static one',
    'type two',
    'static three',
    'static four',
    'type ./five.ts',
    'static eight',
    'lazy six',
  ])
})

describe('permission()', () => {
  test.each([
    ['@tenax/tenancy', '@tenax/kernel', 'always'],
    ['@tenax/tenancy', '@tenax/workflow', 'never'],
    ['@tenax/sqlite', '@tenax/ledger', 'never'],
    ['@tenax/kernel', '@tenax/sqlite', 'never'],
    ['tenax', '@tenax/sqlite', 'always'],
    ['tenax', '@tenax/client', 'never'],
    ['@tenax/client', '@tenax/sqlite', 'never'],
    ['@tenax/cli', '@tenax/protocol', 'always'],
    ['@tenax/cli', '@tenax/server', 'lazily'],
    ['@tenax/cli', '@tenax/tenancy', 'never'],
    ['@tenax/sim', '@tenax/cli', 'always'],
    ['@tenax/loadtest', '@tenax/sim', 'never'],
    ['tenax', '@tenax/sim', 'never'],
  ])('%s to %s: %s', (from, to, expected) => {
    expect(permission(from, to)).toBe(expected)
  })

  test('lets nothing import itself through others', () => {
    for (const [name, row] of Object.entries(IMPORT_TABLE)) {
      for (const arrow of row.arrows) expect(permission(arrow, name), `${name} and ${arrow}`).toBe('never')
    }
  })

  test('knows packages by their directory', () => {
    expect(packageNamed(packageDirOf('packages/host/src/index.ts'))).toBe('tenax')
    expect(packageNamed(packageDirOf('loadtest/src/load.ts'))).toBe('@tenax/loadtest')
    expect(packageDirOf('vitest.config.ts')).toBeUndefined()
  })
})

describe('checkImports()', () => {
  test.each([
    ['an arrow that is not there', 'packages/sqlite/src/a.ts', "import { b } from '@tenax/tenancy'"],
    ['an arrow that is not there, in a test', 'packages/sqlite/src/a.test.ts', "import { b } from '@tenax/tenancy'"],
    ['an arrow that is not there, as a type', 'packages/client/src/a.ts', "import type { B } from 'tenax'"],
    ['the simulation', 'packages/host/src/a.test.ts', "import { b } from '@tenax/sim'"],
    ['a lazy package at load time', 'apps/cli/src/a.ts', "import { serve } from '@tenax/server'"],
    ["another package's src by path", 'packages/host/src/a.ts', "import { b } from '../../tenancy/src/pool.ts'"],
    ["another package's src by name", 'packages/host/src/a.ts', "import { b } from '@tenax/tenancy/src/pool.ts'"],
    ['a contract outside a test', 'packages/tenancy/src/a.ts', "import { b } from '@tenax/sqlite/contract'"],
    ['the file system on live paths', 'packages/tenancy/src/handle.ts', "import { open } from 'node:fs/promises'"],
    ['the file system in the host', 'packages/host/src/router.ts', "import fs from 'node:fs'"],
    ['the file system beside a driver', 'packages/blobstore/src/probe.ts', "import { rm } from 'node:fs/promises'"],
    ['the engine outside sqlite', 'packages/tenancy/src/a.ts', "import Database from 'libsql'"],
    ['the SDK outside blobstore', 'packages/tenancy/src/a.ts', "import { S3Client } from '@aws-sdk/client-s3'"],
    ['the native client', 'packages/client/src/a.ts', "import { createClient } from '@libsql/client'"],
    ['timers', 'packages/host/src/a.test.ts', "import { setTimeout } from 'node:timers/promises'"],
    ['a dev dependency in what is published', 'packages/host/src/a.ts', "import { Kysely } from 'kysely'"],
  ])('refuses %s', (_name, path, text) => {
    expect(found(path, `\n${text}`).map((finding) => finding.line)).toEqual([2])
  })

  test.each([
    ['packages/tenancy/src/a.ts', "import { open } from '@tenax/sqlite'\nimport { b } from './b.ts'"],
    ['packages/tenancy/src/a.test.ts', "import { suite } from '@tenax/sqlite/contract'\nimport fs from 'node:fs'"],
    ['packages/tenancy/src/files.ts', "import { rm } from 'node:fs/promises'"],
    ['packages/tenancy/src/files/upload.ts', "import { rm } from 'node:fs/promises'"],
    ['packages/blobstore/src/drivers/fs.ts', "import { link } from 'node:fs/promises'"],
    ['packages/sqlite/src/wal.ts', "import { openSync } from 'node:fs'"],
    ['packages/host/src/config.ts', "import { readFile } from 'node:fs/promises'"],
    ['packages/host/src/a.test.ts', "import { createClient } from '@libsql/client'\nimport { Kysely } from 'kysely'"],
    [
      'apps/cli/src/a.ts',
      "import type { Server } from '@tenax/server'\nconst { serve } = await import('@tenax/server')",
    ],
    ['apps/cli/bin/tenax.ts', "import { main } from '../src/index.ts'"],
    ['loadtest/k6/a.js', "import http from 'k6/http'"],
  ])('takes in %s: %s', (path, text) => {
    expect(found(path, text)).toEqual([])
  })
})

describe('checkManifest()', () => {
  const rules = (one: Manifest, ...imported: string[]) => checkManifest(one, new Set(imported)).map((each) => each.rule)

  test('refuses a version that is not from the catalog', () => {
    const one = manifest('tenax', { dependencies: { hono: '^4.0.0', '@tenax/kernel': '0.1.0' } })
    expect(rules(one, '@tenax/kernel')).toEqual(['version "^4.0.0" of hono', 'version "0.1.0" of @tenax/kernel'])
  })

  test('refuses a dependency without an arrow, in tests too', () => {
    const one = manifest('@tenax/sqlite', { devDependencies: { '@tenax/tenancy': 'workspace:*' } })
    expect(rules(one, '@tenax/tenancy')).toEqual(['@tenax/sqlite depends on @tenax/tenancy'])
  })

  test('refuses a dependency that nothing imports', () => {
    const one = manifest('@tenax/sqlite', { dependencies: { '@tenax/kernel': 'workspace:*' } })
    expect(rules(one)).toEqual(['dependency @tenax/kernel that nothing imports'])
    expect(rules(one, '@tenax/kernel')).toEqual([])
  })

  test('refuses a package that the table does not know', () => {
    const one = parseManifest({ path: 'packages/extra/package.json', text: '{\n  "name": "@tenax/extra"\n}' })
    expect(checkManifest(one, new Set())).toMatchObject([{ line: 2, rule: 'package @tenax/extra in packages/extra' }])
  })
})
