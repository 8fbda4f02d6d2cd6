import { isTenaxError, TenaxError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { sqliteCodeOf } from './failure.ts'
import { EngineError, hostFailure, isBusy, isDamage, sqlFailure } from './index.ts'

const CODES = [
  ['SQLITE_AUTH', 'sql_refused'],
  ['SQLITE_INTERRUPT', 'query_timeout'],
  ['SQLITE_FULL', 'storage_full'],
  ['SQLITE_IOERR_SHMSIZE', 'storage_full'],
  ['SQLITE_BUSY', 'unavailable'],
  ['SQLITE_BUSY_SNAPSHOT', 'unavailable'],
  ['SQLITE_LOCKED', 'unavailable'],
  ['SQLITE_NOMEM', 'overloaded'],
  ['SQLITE_CORRUPT', 'internal'],
  ['SQLITE_NOTADB', 'internal'],
  ['SQLITE_IOERR_WRITE', 'internal'],
  ['SQLITE_CANTOPEN', 'internal'],
  ['SQLITE_CORRUPT_VTAB', 'sql_error'],
  ['SQLITE_CONSTRAINT_UNIQUE', 'sql_error'],
  ['SQLITE_ERROR', 'sql_error'],
  ['SQLITE_TOOBIG', 'sql_error'],
] as const

describe('sqlFailure', () => {
  it.each(CODES)('%s becomes %s and keeps its code and cause', (sqliteCode, code) => {
    const cause = new EngineError(sqliteCode, 'message')
    const failure = sqlFailure(cause)
    expect(isTenaxError(failure, code) && failure.cause === cause && failure.details['sqliteCode'] === sqliteCode).toBe(
      true,
    )
    expect([sqliteCodeOf(cause), sqliteCodeOf(failure)]).toEqual([sqliteCode, sqliteCode])
  })

  it('passes on what is no engine error', () => {
    const other = [new Error('other'), new TenaxError('reply_too_large', 'x'), 'text']
    expect(other.map(sqlFailure)).toEqual(other)
    expect(other.map(sqliteCodeOf)).toEqual([undefined, undefined, undefined])
  })

  it('never tells a path: damage has a message of its own', () => {
    const failure = sqlFailure(new EngineError('SQLITE_CORRUPT', 'malformed: /data/t/acme.db'))
    expect(isTenaxError(failure) && failure.message.includes('/data')).toBe(false)
  })
})

describe('hostFailure', () => {
  const errno = (code: string) => Object.assign(new Error(`${code}: no luck, write '/data/x'`), { code })

  it.each([
    [new EngineError('SQLITE_FULL', 'full'), 'storage_full'],
    [errno('ENOSPC'), 'storage_full'],
    [errno('EDQUOT'), 'storage_full'],
    [errno('EMFILE'), 'unavailable'],
    [errno('ENFILE'), 'unavailable'],
    [new EngineError('SQLITE_IOERR_WRITE', 'io'), 'internal'],
  ] as const)('%o becomes %s, without a path and with its cause', (cause, code) => {
    const failure = hostFailure(cause)
    if (!isTenaxError(failure, code)) throw failure
    expect(failure.cause).toBe(cause)
    expect(failure.message).not.toContain('/data')
  })

  it('never speaks of a quota: the disk is what is full', () => {
    expect(hostFailure(new EngineError('SQLITE_FULL', 'full'))).toMatchObject({ message: 'the disk is full' })
  })

  it('passes on what is neither the engine’s nor a shortage', () => {
    const other = [errno('EACCES'), new TenaxError('tenant_exists', 'x'), 'text']
    expect(other.map(hostFailure)).toEqual(other)
  })
})

describe('isDamage and isBusy', () => {
  it('tell by code, in an engine error and in the failure made of it', () => {
    for (const wrap of [(error: unknown) => error, sqlFailure]) {
      expect(CODES.filter(([code]) => isDamage(wrap(new EngineError(code, '')))).map(([code]) => code)).toEqual([
        'SQLITE_CORRUPT',
        'SQLITE_NOTADB',
      ])
      expect(CODES.filter(([code]) => isBusy(wrap(new EngineError(code, '')))).map(([code]) => code)).toEqual([
        'SQLITE_BUSY',
        'SQLITE_BUSY_SNAPSHOT',
        'SQLITE_LOCKED',
      ])
    }
  })
})
