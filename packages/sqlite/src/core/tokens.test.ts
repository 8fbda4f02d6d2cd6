import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { libsqlDriver } from '../index.ts'
import { asciiLowerCase, splitStatements, tokenize } from './tokens.ts'

const kinds = (text: string) => tokenize(text).map(({ type, value }) => `${type}:${value}`)
const split = (text: string) =>
  splitStatements(tokenize(text)).map((tokens) => tokens.map(({ value }) => value).join(' '))

const PIECES = [
  ...[
    "'",
    '"',
    '`',
    '[',
    ']',
    '--',
    '/*',
    '*/',
    '/',
    '*',
    '\n',
    '\r',
    '\t',
    ' ',
    '\f',
    '\v',
    ';',
    '(',
    ')',
    '?',
    '?1',
    ':a',
    '@a',
    '$a',
    '::',
    '#a',
  ],
  ...[
    "x'0a'",
    "X'",
    '0x1F',
    '1.5e-3',
    '.5',
    '1_000',
    '12',
    'select',
    'É',
    '\ufeff',
    '\u00a0',
    '->>',
    '->',
    '||',
    '<>',
    '!=',
    '=',
    '.',
    '\\',
    '{',
    '🙂',
    '\0',
  ],
]
const sqlLike = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 3 })), { maxLength: 30 })
  .map((parts) => parts.join(''))

describe('tokenize', () => {
  it('covers the text: tokens in order, with only white space and comments between them', () => {
    fc.assert(
      fc.property(sqlLike, (text) => {
        let at = 0
        for (const token of [...tokenize(text), { startIndex: text.length, endIndex: text.length }]) {
          expect(text.slice(at, token.startIndex)).toMatch(
            /^(?:[ \t\n\f\r\ufeff]|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))*$/,
          )
          expect(token.startIndex).toBeGreaterThanOrEqual(at)
          at = token.endIndex
        }
      }),
      { numRuns: 3_000 },
    )
  })

  it('tokens joined by single spaces are the same tokens', () => {
    fc.assert(
      fc.property(sqlLike, (text) => {
        const tokens = tokenize(text)
        fc.pre(tokens.every(({ type }) => type !== 'illegal'))
        const joined = tokens.map(({ startIndex, endIndex }) => text.slice(startIndex, endIndex)).join(' ')
        expect(kinds(joined)).toEqual(kinds(text))
      }),
      { numRuns: 3_000 },
    )
  })

  it.each([
    ['SELECT a', ['word:select', 'word:a']],
    ['\'it\'\'s\' "a""b" `c``d` [e"f]', ["string:it's", 'name:a"b', 'name:c`d', 'name:e"f']],
    ["x'0A' X'' x 'a'", ["blob:x'0A'", "blob:X''", 'word:x', 'string:a']],
    [
      '1 1.5 .5 1e3 1E-3 0xfF 1_000',
      ['number:1', 'number:1.5', 'number:.5', 'number:1e3', 'number:1E-3', 'number:0xfF', 'number:1_000'],
    ],
    [
      '? ?12 :a @b $c $c::d(e) :a::b @a(x)',
      [
        'variable:?',
        'variable:?12',
        'variable::a',
        'variable:@b',
        'variable:$c',
        'variable:$c::d(e)',
        'variable::a::b',
        'variable:@a(x)',
      ],
    ],
    [
      'a->>b->c||d<>e!=f',
      [
        'word:a',
        'symbol:->>',
        'word:b',
        'symbol:->',
        'word:c',
        'symbol:||',
        'word:d',
        'symbol:<>',
        'word:e',
        'symbol:!=',
        'word:f',
      ],
    ],
    ['\ufeffselect\ufeff 1', ['word:select\ufeff', 'number:1']],
    ['é日本🙂 ÄB', ['word:é日本🙂', 'word:Äb']],
  ])('reads %s', (text, expected) => {
    expect(kinds(text)).toEqual(expected)
  })

  it.each([
    ['a -- b\n c', ['word:a', 'word:c']],
    ['a -- b', ['word:a']],
    ['a --b\r c\nd', ['word:a', 'word:d']],
    ['a /* b */ c', ['word:a', 'word:c']],
    ['a /*/ b */ c', ['word:a', 'word:c']],
    ['a /** b **/ c', ['word:a', 'word:c']],
    ['a /* b', ['word:a']],
    ["a /* ' */ b", ['word:a', 'word:b']],
    ["'/*' a '*/'", ['string:/*', 'word:a', 'string:*/']],
    ["'--' a", ['string:--', 'word:a']],
  ])('drops the comments of %j', (text, expected) => {
    expect(kinds(text)).toEqual(expected)
  })

  it.each(["'open", '"open', '`open', '[open', '#a', '\\', '{', '\v', '^', '\0', ':', '$', '!'])(
    'finds no token in %j',
    (text) => {
      expect(tokenize(text).some(({ type }) => type === 'illegal')).toBe(true)
    },
  )

  it('a quote inside the parentheses of a variable opens no string, as in the engine', () => {
    const text = "select @a('), x'00'"
    expect(kinds(text).slice(1)).toEqual(["variable:@a(')", 'symbol:,', "blob:x'00'"])
    const row = libsqlDriver.open(':memory:').prepare(text).get([5n])
    expect(row).toEqual([5n, Buffer.from([0])])
  })

  it('white space that is none for SQLite ends no variable', () => {
    expect(kinds("$a(\u00a0')")).toEqual(["variable:$a(\u00a0')"])
  })

  it('lower-cases ASCII only, so that no look-alike becomes a keyword', () => {
    expect(asciiLowerCase('TENAX_İK\u212a')).toBe('tenax_İk\u212a')
  })
})

describe('splitStatements', () => {
  const trigger = 'create trigger a after insert on b begin update c set d = case when 1 then 2 end ; select 1 ; end'

  it.each([
    ['', []],
    [';;', []],
    ['select 1', ['select 1']],
    ['select 1; ;select 2;', ['select 1', 'select 2']],
    ["select ';'; select 2", ['select ;', 'select 2']],
    [`${trigger}; select 2`, [trigger, 'select 2']],
    [trigger.replace('create', 'create temp'), [trigger.replace('create', 'create temp')]],
    [trigger.replace('create', 'create temporary'), [trigger.replace('create', 'create temporary')]],
    [`explain ${trigger}; select 2`, [`explain ${trigger}`, 'select 2']],
    [`explain query plan ${trigger}; select 2`, [`explain query plan ${trigger}`, 'select 2']],
    [
      'create table t(a); select case when 1 then 2 end; select 3',
      ['create table t ( a )', 'select case when 1 then 2 end', 'select 3'],
    ],
  ])('splits %j', (text, expected) => {
    expect(split(text)).toEqual(expected)
  })

  it('a trigger that never ends is one statement with all that follows', () => {
    expect(split('create trigger a after insert on b begin select 1; commit')).toHaveLength(1)
  })
})
