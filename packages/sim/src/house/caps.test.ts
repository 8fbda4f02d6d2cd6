import { describe, expect, test } from 'vitest'
import { checkCaps, checkFileName, FILE_LINES_MAX, FUNCTION_LINES_MAX } from './caps.ts'
import { functionSpans } from './function-spans.ts'
import { scanSource } from './source-text.ts'

const lines = (count: number) => 'work()\n'.repeat(count)
const rulesOf = (text: string) => checkCaps(scanSource('packages/a/src/a.ts', text)).map((finding) => finding.rule)
const spanLengths = (text: string) => functionSpans(scanSource('a.ts', text)).map((span) => span.lineCount)

describe('checkCaps()', () => {
  test('refuses a file over the cap and names its length', () => {
    expect(rulesOf(lines(FILE_LINES_MAX))).toEqual([])
    expect(rulesOf(lines(FILE_LINES_MAX + 1))).toEqual([`file of ${FILE_LINES_MAX + 1} lines`])
  })

  test.each([
    ['declaration', 'function f(a: number) {', '}'],
    ['declaration with a return type', 'export async function f<T>(a: T): Promise<{ b: T }> {', '}'],
    ['declaration that returns an object type', 'function f(): { a: number } | undefined {', '}'],
    ['type guard', 'function f(a: unknown): a is string {', '}'],
    ['assertion', 'function f(a: unknown): asserts a is { b: string } {', '}'],
    ['method', 'class A {\n  #f(a = { b: 1 }): void {', '}\n}'],
    ['accessor', 'class A {\n  get f(): ReadonlyMap<string, (a: number) => void> {', '}\n}'],
    ['generator', 'function* f(): Generator<string> {', '}'],
    ['arrow', 'const f = async (a: string): Promise<void> => {', '}'],
    ['arrow with one bare parameter', 'const f = (a) => {', '}'],
    ['callback of a test', "it('does', async () => {", '})'],
    ['callback of a test with options', "test.each([1])('does %s', { retry: 0 }, (a) => {", '})'],
  ])('refuses a long %s', (_name, head, tail) => {
    expect(rulesOf(`${head}\n${lines(FUNCTION_LINES_MAX - 2)}${tail}\n`)).toEqual([])
    expect(rulesOf(`${head}\n${lines(FUNCTION_LINES_MAX - 1)}${tail}\n`)).toEqual([
      `function of ${FUNCTION_LINES_MAX + 1} lines`,
    ])
  })

  test.each([
    ['class', 'class A extends B(C) {', '}'],
    ['object', 'const a = {', '}'],
    ['interface', 'interface A {\n  f(a: number): void\n', '}'],
    ['condition', 'if (a) {', '}'],
    ['loop', 'for await (const a of b) {', '}'],
    ['case', 'switch (f(a)) {\ncase f(b): {', '}\n}'],
    ['choice', 'const a = b ? f(c) : {', '}'],
    ['suite', "describe('a', () => {", '})'],
    ['suite of a table', "describe.each([1, 2])('a', (b) => {", '})'],
    ['function around a suite', "export function contract() {\n  describe('a', () => {", '  })\n}'],
  ])('does not take a %s for a function', (_name, head, tail) => {
    expect(rulesOf(`${head}\n${lines(FUNCTION_LINES_MAX)}${tail}\n`)).toEqual([])
  })
})

test('functionSpans() is not fooled by braces in strings, templates, comments and regular expressions', () => {
  const text = `function f() {\n  a('}') // }\n  b(\`}\${c({ d: '}' })}\`)\n  return /}/\n}\nfunction g() {}\n`
  expect(spanLengths(text)).toEqual([5, 1])
})

describe('checkFileName()', () => {
  test.each(['utils.ts', 'types.ts', 'helpers/open.ts', 'common.test.ts', 'misc.ts', 'openFlight.ts', 'Pool.ts'])(
    'refuses %s',
    (name) => {
      expect(checkFileName(`packages/a/src/${name}`)).toHaveLength(1)
    },
  )

  test.each(['open-flight.ts', 'pool.long.test.ts', 'v2.ts'])('takes %s', (name) => {
    expect(checkFileName(`packages/a/src/${name}`)).toEqual([])
  })
})
