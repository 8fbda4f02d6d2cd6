/** Stand-ins for services of others. Each says on the console what it does, so that one can see what runs twice, and what does not. */
import { setTimeout as pause } from 'node:timers/promises'

/** Sends letters; `key` is what a real service would drop a repeated one by. */
export const mail = {
  async send(to: string, text: string, key: string): Promise<void> {
    console.log(`mail: to ${to}: ${text} (${key})`)
  },
}

/** Takes money, and gives it back. */
export const pay = {
  async charge(account: string, cents: number, key: string): Promise<{ id: string; at: Date }> {
    console.log(`pay: charge ${account} ${cents} (${key})`)
    return { id: `charge-${key}`, at: new Date() }
  },
  async refund(id: string, key: string): Promise<void> {
    console.log(`pay: refund ${id} (${key})`)
  },
}

/** What a model answers, and which tools it wants called. */
export interface Answer {
  readonly text: string
  readonly calls: readonly { readonly id: string; readonly tool: string; readonly args: string }[]
}

const BOOKING: Answer = {
  text: 'I found a train for 80, and book it when you say so.',
  calls: [
    { id: 'look', tool: 'search', args: 'night trains' },
    { id: 'ticket', tool: 'pay', args: '80' },
  ],
}

/** A model that plans a journey: it searches and pays first, and then says how that went. */
export const ai = {
  async embed(text: string, signal: AbortSignal): Promise<number[]> {
    await pause(100, undefined, { signal })
    return [text.length, text.charCodeAt(0)]
  },
  async chat(messages: readonly unknown[], signal: AbortSignal, on: (piece: string) => void): Promise<Answer> {
    const isFirst = !messages.some((message) => String(message).startsWith('tool '))
    const answer = isFirst ? BOOKING : { text: `Done: ${messages.slice(-2).join('; ')}.`, calls: [] }
    for (const piece of answer.text.split(/(?<= )/)) {
      await pause(50, undefined, { signal })
      on(piece)
    }
    return answer
  },
}

/** Tools that the model may ask for. */
export const tools: Readonly<Record<string, (args: string, key: string) => Promise<string>>> = {
  async search(args, key) {
    console.log(`tool: search ${args} (${key})`)
    return 'tool search: the night train has beds'
  },
  async pay(args, key) {
    console.log(`tool: pay ${args} (${key})`)
    return `tool pay: paid ${args}`
  },
}

/** How many pages a document has. */
export async function fetchPages(url: string): Promise<number> {
  console.log(`fetch: ${url}`)
  return 12
}

const asked = new Set<string>()

/** One page; the fourth is not there when it is asked for first. */
export async function page(url: string, index: number): Promise<string> {
  const isFirst = !asked.has(`${url} ${index}`)
  asked.add(`${url} ${index}`)
  if (index === 3 && isFirst) throw new Error('the line is busy')
  return `page ${index} of ${url}`
}
