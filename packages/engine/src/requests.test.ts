/** What callers give, checked at the door. */
import { workflow } from '@tenax/workflow'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ACME, codeOf, hostMaker } from './fixtures/test-bed.ts'

const open = hostMaker()

test.each([
  ['half of a surrogate pair', 'a\ud800'],
  ['a NUL', 'a\0b'],
])(
  'a text with %s, which a database would give back as another, is refused wherever it names something',
  async (_what, text) => {
    const keyed = workflow(
      { name: 'keyed', input: z.object({ k: z.string() }), limits: { concurrency: { max: 1, key: ({ k }) => k } } },
      async () => 1,
    )
    const single = workflow(
      {
        name: 'single',
        input: z.object({ k: z.string() }),
        limits: { singleton: { key: ({ k }) => k, onConflict: 'reject' } },
      },
      async () => 1,
    )
    const plain = workflow({ name: 'plain', input: z.object({}) }, async () => 1)
    const { workflows } = await open({ workflows: [plain, keyed, single] })
    const start = { workflow: 'plain', input: {} }
    await workflows.start(ACME, { ...start, id: 'origin' })
    await workflows.result(ACME, 'origin', { timeoutMs: 50_000 })
    const payload = null
    const codes = await Promise.all(
      [
        async () => workflows.start(ACME, { ...start, id: text }),
        async () => workflows.start(ACME, { ...start, idempotencyKey: text }),
        async () => workflows.reruns.start(ACME, 'origin', { idempotencyKey: text }),
        async () => workflows.send(ACME, { name: text, payload }),
        async () => workflows.send(ACME, { name: 'e', key: text, payload }),
        async () => workflows.send(ACME, { name: 'e', id: text, payload }),
        async () => workflows.start(ACME, { workflow: 'keyed', input: { k: text } }),
        async () => workflows.start(ACME, { workflow: 'single', input: { k: text } }),
      ].map((act) => codeOf(act())),
    )
    expect(codes).toEqual([...Array(6).fill('argument_invalid'), 'limit_key_invalid', 'limit_key_invalid'])
    expect(() => workflow({ name: text, input: z.object({}) }, async () => 1)).toThrow('well-formed')
  },
)
