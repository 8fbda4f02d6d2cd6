/** A model with tools. What it says comes piece by piece to who watches; paying waits for a person. */
import { event, workflow } from 'tenax'
import { z } from 'zod'
import { ai, tools } from './fakes.ts'

const TURNS_MAX = 50

export const approval = event('approval', z.object({ yes: z.boolean() }))

export const agent = workflow(
  { name: 'agent', at: 'anywhere', input: z.object({ goal: z.string(), messages: z.array(z.string()).default([]) }) },
  async (ctx, input) => {
    const messages = [input.goal, ...input.messages]
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      const answer = await ctx.step('llm', (a) => ai.chat(messages, a.signal, (piece) => a.emit(piece)), {
        key: String(turn),
        timeout: '5m',
        uses: 'llm',
      })
      messages.push(answer.text)
      if (answer.calls.length === 0) return answer.text
      const results = await ctx.mapSettled(
        `tools ${turn}`,
        answer.calls,
        { key: (call) => call.id },
        async (c, call) => {
          if (call.tool === 'pay' && !(await c.waitFor(approval, { key: call.id, timeout: '1d' }))?.yes)
            return 'tool pay: denied'
          return c.step('call', (a) => tools[call.tool]?.(call.args, a.idempotencyKey) ?? 'tool: there is none')
        },
      )
      messages.push(...results.map((result) => (result.ok ? result.value : `tool failed: ${result.error.message}`)))
    }
    return ctx.continueAs({ goal: input.goal, messages: messages.slice(1) })
  },
)
