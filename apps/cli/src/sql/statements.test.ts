import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitStatements } from './statements.ts'

test.each([
  ['', [], ''],
  [' -- nothing\n/* here; */ ;;', [], ''],
  ['select 1', [], 'select 1'],
  ['select 1;', ['select 1'], ''],
  ['select 1; select 2', ['select 1'], 'select 2'],
  ["select ';'; select 'it''s;';", ["select ';'", "select 'it''s;'"], ''],
  ['select ";", `;`, [;];', ['select ";", `;`, [;]'], ''],
  ['select 1 -- ; one\n; -- two', ['select 1 -- ; one'], ''],
  ['select 1 /* ; */ ; select', ['select 1 /* ; */'], 'select'],
  ["select 'open; text", [], "select 'open; text"],
  ['/* open; ', [], ''],
  ['select 6 / 2 - 1;', ['select 6 / 2 - 1'], ''],
  ['begin; end; commit;', ['begin', 'end', 'commit'], ''],
])('%j is cut where SQLite cuts it', (text, statements, rest) => {
  expect(splitStatements(text)).toEqual({ statements, rest })
})

test.each(['create trigger', 'create temp trigger', 'CREATE TEMPORARY TRIGGER', 'explain create trigger'])(
  'the body of %s stays whole',
  (head) => {
    const trigger = `${head} t after insert on a begin update a set b = case when 1 then 2 end; delete from a; end`
    expect(splitStatements(`${trigger}; select 1;`).statements).toEqual([trigger, 'select 1'])
    expect(splitStatements(trigger.replace(/end$/, '')).statements).toEqual([])
  },
)

test('a text that is cut comes together again', () => {
  const pieces = fc.constantFrom(
    'select',
    ' ',
    ';',
    "'",
    '"',
    '`',
    '[',
    ']',
    '--',
    '\n',
    '/*',
    '*/',
    'create trigger',
    'end',
    'é',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      const text = parts.join('')
      const { statements, rest } = splitStatements(text)
      let at = 0
      for (const one of [...statements, rest]) {
        at = text.indexOf(one, at)
        expect(at).toBeGreaterThanOrEqual(0)
        at += one.length
      }
    }),
  )
})

test('a script runs the same whole and in pieces', () => {
  const script = `create table a (b text); create trigger t after insert on a begin insert into a select 'x;' where new.b = 'y'; end;
    insert into a values ('y'); -- end;
    insert into a values (';');`
  const rowsOf = (run: (db: DatabaseSync) => void) => {
    const db = new DatabaseSync(':memory:')
    run(db)
    return db.prepare('select b from a').all()
  }
  const pieces = splitStatements(script).statements
  expect(pieces).toHaveLength(4)
  expect(
    rowsOf((db) => {
      for (const sql of pieces) db.exec(sql)
    }),
  ).toEqual(rowsOf((db) => db.exec(script)))
})
