import { describe, expect, it } from 'vitest'
import { type PolicyRule, ruleMatches, TENANT_POLICY } from './policy.ts'

type Asked = Parameters<typeof ruleMatches>[1]

/** What the policy says: the first rule that matches, else no. */
const allows = (asked: Asked) => TENANT_POLICY.rules.find((rule) => ruleMatches(rule, asked))?.allow ?? false

describe('ruleMatches', () => {
  const rule: PolicyRule = {
    actions: ['READ', 'UPDATE'],
    table: { prefix: 'ab_' },
    entity: { names: ['x', 'y'] },
    allow: true,
  }

  it.each<[boolean, Asked]>([
    [true, { action: 'READ', table: 'ab_1', entity: 'x' }],
    [true, { action: 'UPDATE', table: 'AB_', entity: 'y' }],
    [false, { action: 'DELETE', table: 'ab_1', entity: 'x' }],
    [false, { action: 'READ', table: 'ab', entity: 'x' }],
    [false, { action: 'READ', table: 'xab_1', entity: 'x' }],
    [false, { action: 'READ', table: 'ab_1', entity: 'X' }],
    [false, { action: 'READ', table: 'ab_1' }],
    [false, { action: 'READ', entity: 'x' }],
  ])('is %s of %j', (expected, asked) => {
    expect(ruleMatches(rule, asked)).toBe(expected)
  })

  it('a rule without names speaks about every name, and about none', () => {
    const open: PolicyRule = { actions: ['SELECT'], allow: true }
    expect([ruleMatches(open, { action: 'SELECT' }), ruleMatches(open, { action: 'SELECT', table: 't' })]).toEqual([
      true,
      true,
    ])
  })
})

describe('TENANT_POLICY', () => {
  it.each<Asked>([
    { action: 'READ', table: 'tenax_meta' },
    { action: 'INSERT', table: 't' },
    { action: 'FUNCTION', entity: 'json_extract' },
    { action: 'CREATE_VTABLE', table: 'f', entity: 'fts5' },
    { action: 'READ', table: 'pragma_table_info' },
    { action: 'UPDATE', table: 'sqlite_temp_master' },
  ])('allows %j', (asked) => {
    expect(allows(asked)).toBe(true)
  })

  it.each<Asked>([
    ...(['INSERT', 'UPDATE', 'DELETE', 'DROP_TABLE', 'CREATE_TABLE', 'ALTER_TABLE'] as const).flatMap((action) => [
      { action, table: 'tenax_meta' },
      { action, table: 'TENAX_x' },
    ]),
    ...(['READ', 'INSERT', 'UPDATE', 'DELETE'] as const).map((action) => ({ action, table: 'sqlite_dbpage' })),
    { action: 'CREATE_INDEX', entity: 'i', table: 'tenax_meta' },
    { action: 'CREATE_TRIGGER', entity: 'tenax_t', table: 't' },
    { action: 'CREATE_VIEW', entity: 'Tenax_v' },
    { action: 'INSERT', table: 'sqlite_temp_master' },
    { action: 'READ', table: 'pragma_database_list' },
    { action: 'READ', table: 'dbstat' },
    { action: 'CREATE_VTABLE', table: 'x', entity: 'fsdir' },
    { action: 'CREATE_VTABLE', table: 'x', entity: 'fts4' },
    ...[
      'readfile',
      'writefile',
      'load_extension',
      'fts3_tokenizer',
      'sqlite3mc_config',
      'edit',
      'regexp',
      'nothing',
    ].map((entity) => ({ action: 'FUNCTION', entity })),
    ...[
      'ATTACH',
      'DETACH',
      'PRAGMA',
      'TRANSACTION',
      'SAVEPOINT',
      'CREATE_TEMP_TABLE',
      'CREATE_TEMP_VIEW',
      'CREATE_TEMP_TRIGGER',
    ].map((action) => ({ action })),
  ])('denies %j', (asked) => {
    expect(allows(asked)).toBe(false)
  })

  it('has few rules, because setting each costs time', () => {
    expect(TENANT_POLICY.rules.length).toBeLessThanOrEqual(12)
  })
})
