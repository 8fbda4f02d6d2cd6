import { describe, expect, test } from 'vitest'
import { formatFinding } from './finding.ts'
import { checkHouse } from './house.ts'
import { checkText, checkTop } from './layout.ts'

describe('checkTop()', () => {
  test('refuses what the top does not hold', () => {
    const rules = checkTop(['scripts/a.sh', 'scripts/b.sh', 'notes.md', 'apps/a', '.ci/run', 'LICENSE']).map(
      (one) => one.rule,
    )
    expect(rules).toEqual(['"scripts" at the top', '"notes.md" at the top'])
  })
})

describe('checkText()', () => {
  test.each([
    ['docs/a.md', 'see\nhttps://registry.npmjs.org/tenax'],
    ['pnpm-lock.yaml', 'a:\n  resolution: {tarball: https://packages.example/a.tgz}'],
    ['.npmrc', 'audit=false\n//npm.pkg.github.com/:a=b'],
    ['docs/a.md', 'open\n`/home/ann/acme.sqlite`'],
    ['packages/a/src/a.ts', "f(\n'/tmp/tenax')"],
    ['.ci/run', 'cd x\ncd /home/ann/tenax'],
  ])('refuses in %s: %s', (path, text) => {
    expect(checkText({ path, text }).map((finding) => finding.line)).toEqual([2])
  })

  test.each([
    ['packages/a/src/a.test.ts', "open('/tmp/tenax')"],
    ['docs/a.md', 'GET https://a.example/home/page, ./tmp/a, $DIR/tmp/a, /var/lib/tenax'],
  ])('takes in %s: %s', (path, text) => {
    expect(checkText({ path, text })).toEqual([])
  })
})

test('checkHouse() applies every kind of rule and says where', () => {
  const files = [
    { path: 'extra.txt', text: '' },
    { path: 'docs/a.md', text: '/tmp/a' },
    { path: 'packages/kernel/package.json', text: '{ "name": "@tenax/kernel", "dependencies": { "zod": "4" } }' },
    { path: 'packages/kernel/src/utils.ts', text: "import '@tenax/sqlite'\nDate.now()\nconst ttl = 5\n" },
  ]
  expect(checkHouse(files).map((finding) => formatFinding(finding).split(': ', 1)[0])).toEqual([
    'extra.txt:1  "extra.txt" at the top',
    "docs/a.md:1  path of somebody's machine",
    'packages/kernel/package.json:1  version "4" of zod',
    'packages/kernel/src/utils.ts:1  the name "utils.ts"',
    'packages/kernel/src/utils.ts:1  @tenax/kernel imports @tenax/sqlite',
    'packages/kernel/src/utils.ts:2  wall clock',
    'packages/kernel/src/utils.ts:3  the name ttl',
  ])
})
