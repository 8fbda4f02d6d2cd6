/** Changesets are what a release is made of: each names packages of this house, how much, and says something. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { IMPORT_TABLE } from './import-table.ts'

const DIRECTORY = new URL('../../../../.changeset/', import.meta.url)
const FORM = /^---\n\n?((?:(?:'[^']+'|[a-z]+): (?:patch|minor|major)\n)+)\n?---\n\n\S/

test('every changeset has the form that the tool reads, and names packages that are here', () => {
  const faults = readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.md') && name !== 'README.md')
    .flatMap((name) => {
      const head = FORM.exec(readFileSync(new URL(name, DIRECTORY), 'utf8'))?.[1]
      if (head === undefined) return [`${name}: not the form of a changeset`]
      const packages = head
        .trim()
        .split('\n')
        .map((line) => (line.split(':')[0] ?? '').replaceAll("'", ''))
      return packages.filter((one) => !(one in IMPORT_TABLE)).map((one) => `${name}: no package ${one}`)
    })
  expect(faults).toEqual([])
})
