import { InvariantError } from '@tenax/kernel'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CONDITION_DEPTH_MAX } from '../limits.ts'
import {
  type BatchCondition,
  type BatchState,
  conditionSchema,
  evaluateCondition,
  latestStepOf,
  type StepOutcome,
} from './condition.ts'

function stateOf(outcomes: readonly StepOutcome[], isAutocommit = true): BatchState {
  return { outcomes, isAutocommit: () => isAutocommit }
}

const state = stateOf(['ok', 'error', 'skipped'])

test.each<[number, boolean, boolean]>([
  [0, true, false],
  [1, false, true],
  [2, false, true],
])('step %i: ok is %s and error is %s', (step, ok, error) => {
  expect(evaluateCondition({ type: 'ok', step }, state)).toBe(ok)
  expect(evaluateCondition({ type: 'error', step }, state)).toBe(error)
})

test('an empty and is true, an empty or is false', () => {
  expect(evaluateCondition({ type: 'and', conds: [] }, state)).toBe(true)
  expect(evaluateCondition({ type: 'or', conds: [] }, state)).toBe(false)
})

test('is_autocommit asks when it is evaluated', () => {
  expect(evaluateCondition({ type: 'is_autocommit' }, stateOf([], true))).toBe(true)
  expect(evaluateCondition({ type: 'is_autocommit' }, stateOf([], false))).toBe(false)
})

test('a step that has not run yet breaks an invariant', () => {
  expect(() => evaluateCondition({ type: 'ok', step: 3 }, state)).toThrow(InvariantError)
})

const { condition } = fc.letrec<{ condition: BatchCondition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.record({ type: fc.constantFrom('ok' as const, 'error' as const), step: fc.nat(4) }),
    fc.constant({ type: 'is_autocommit' as const }),
    fc.record({ type: fc.constant('not' as const), cond: tie('condition') }),
    fc.record({
      type: fc.constantFrom('and' as const, 'or' as const),
      conds: fc.array(tie('condition'), { maxLength: 3 }),
    }),
  ),
}))
const anyState = fc.record({
  outcomes: fc.array(fc.constantFrom<StepOutcome>('ok', 'error', 'skipped'), { minLength: 5, maxLength: 5 }),
  isAutocommit: fc.boolean().map((isAutocommit) => () => isAutocommit),
})

test('conditions obey De Morgan, and error is the negation of ok', () => {
  const not = (cond: BatchCondition): BatchCondition => ({ type: 'not', cond })
  fc.assert(
    fc.property(condition, condition, anyState, (left, right, at) => {
      const both = evaluateCondition(not({ type: 'and', conds: [left, right] }), at)
      expect(both).toBe(evaluateCondition({ type: 'or', conds: [not(left), not(right)] }, at))
      expect(evaluateCondition({ type: 'error', step: 0 }, at)).toBe(!evaluateCondition({ type: 'ok', step: 0 }, at))
    }),
  )
})

test('every condition comes back from its JSON', () => {
  fc.assert(
    fc.property(condition, (cond) => {
      expect(conditionSchema.parse(JSON.parse(JSON.stringify(cond)))).toEqual(cond)
    }),
  )
})

test('latestStepOf() finds the latest step at any depth', () => {
  const conds: BatchCondition[] = [
    { type: 'ok', step: 2 },
    { type: 'not', cond: { type: 'error', step: 7 } },
  ]
  expect(latestStepOf({ type: 'or', conds: [...conds, { type: 'is_autocommit' }] })).toBe(7)
  expect(latestStepOf({ type: 'and', conds: [] })).toBeUndefined()
})

function nested(depth: number): unknown {
  let cond: unknown = { type: 'is_autocommit' }
  for (let level = 1; level < depth; level++) cond = level % 2 ? { type: 'not', cond } : { type: 'and', conds: [cond] }
  return cond
}

test('a condition nests as deep as the limit and no deeper', () => {
  expect(conditionSchema.safeParse(nested(CONDITION_DEPTH_MAX)).success).toBe(true)
  expect(conditionSchema.safeParse(nested(CONDITION_DEPTH_MAX + 1)).success).toBe(false)
})

test('a condition that nests 100,000 deep is refused, not a stack overflow', () => {
  expect(conditionSchema.safeParse(nested(100_000)).success).toBe(false)
})

test.each([
  { type: 'ok' },
  { type: 'ok', step: -1 },
  { type: 'ok', step: 0.5 },
  { type: 'not' },
  { type: 'and', conds: {} },
  { type: 'xor', conds: [] },
  'ok',
])('the condition %j is refused', (json) => {
  expect(conditionSchema.safeParse(json).success).toBe(false)
})
