/** The table of promises of docs/reference/workflows.md against the tests that it names. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { readTree } from './tree.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url)).replace(/\/$/, '')
const tests = new Map(readTree(ROOT).map(({ path, text }) => [path, text]))
const page = readFileSync(`${ROOT}/docs/reference/workflows.md`, 'utf8')
const rows = page.split('\n').filter((line) => /^- \*\*/.test(line))
const pathsIn = (text: string) => [...text.matchAll(/`([\w./-]+\.test\.ts)`/g)].map(([, path = '']) => path)

test('every test file that docs/reference/workflows.md names is there, by its whole path', () => {
  expect(pathsIn(page).filter((path) => !tests.has(path))).toEqual([])
})

test('every promise names a test, and every title that it quotes stands in one of its files', () => {
  const faults = rows.flatMap((row) => {
    const shown = row.split('_Shown by_').slice(1).join()
    const files = pathsIn(shown).map((path) => unescaped(tests.get(path) ?? ''))
    if (files.length === 0) return [`no test: ${row.slice(0, 80)}`]
    return titlesIn(shown).filter((title) => !files.some((text) => patternOf(title).test(text)))
  })
  expect(faults).toEqual([])
})

test('the five tests of the specification, and every rule that is built, have their rows', () => {
  const labels = rows.flatMap((row) => (/^- \*\*([^*]+)\*\*/.exec(row)?.[1] ?? '').split(', '))
  const rules = Array.from({ length: 33 }, (_, index) => String(index + 1))
  const wanted = [...rules, 'test A', 'test B', 'test C', 'test D', 'test E']
  expect(wanted.filter((label) => !labels.includes(label))).toEqual([])
})

/** What stands in quotation marks, an ellipsis for what differs. */
function titlesIn(text: string): string[] {
  return [...text.matchAll(/(?<!\w)"([^"]+)"/g)].map(([, title = '']) => title)
}

function patternOf(title: string): RegExp {
  const parts = title.split('…').map((part) => part.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(parts.join('[^\\n]*'))
}

/** A title in single quotation marks has its apostrophes escaped. */
function unescaped(source: string): string {
  return source.replaceAll("\\'", "'")
}
