import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { formatFinding } from './finding.ts'
import { checkHouse } from './house.ts'
import { IMPORT_TABLE } from './import-table.ts'
import { isSource, packageDirOf } from './places.ts'
import { readTree } from './tree.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url)).replace(/\/$/, '')
const files = readTree(ROOT)

test('the tree keeps the house rules', () => {
  expect(checkHouse(files).map(formatFinding).join('\n')).toBe('')
})

test('the tree that was looked at is the whole workspace', () => {
  const dirs = new Set(files.filter((file) => isSource(file.path)).map((file) => packageDirOf(file.path)))
  for (const name of ['@tenax/kernel', '@tenax/sim', 'tenax']) expect(dirs).toContain(IMPORT_TABLE[name]?.dir)
})
