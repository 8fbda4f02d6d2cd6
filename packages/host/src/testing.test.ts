/** What is documented of `tenax/testing` is what a test runs. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

test('the example of docs/reference/testing.md is fixtures/onboarding.test.ts, to the letter', () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
  const [, example] = /```ts\n([\s\S]*?)```/.exec(read('../../../docs/reference/testing.md')) ?? []
  expect(example).toBe(read('fixtures/onboarding.test.ts'))
})
