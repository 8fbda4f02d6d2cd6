import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { WireConnection } from './wire.ts'

let server: Server | undefined
afterEach(() => void server?.close())

/** Answers everything that comes with `pieces`, one write each. */
async function answering(...pieces: readonly string[]): Promise<number> {
  server = createServer((socket: Socket) => {
    socket.on('data', () => {
      for (const piece of pieces) socket.write(piece)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

test('exchange() reads a reply that comes in pieces, and the next one after it', async () => {
  const port = await answering('HTTP/1.1 201 Created\r\nContent-', 'Length: 5\r\n\r\nhel', 'lo')
  const connection = await WireConnection.open(port)
  expect(await connection.exchange('x')).toEqual({ status: 201, body: 'hello' })
  expect(await connection.exchange('x')).toEqual({ status: 201, body: 'hello' })
  connection.close()
})

test('exchange() rejects a reply of unknown length', async () => {
  const connection = await WireConnection.open(await answering('HTTP/1.1 200 OK\r\n\r\n'))
  await expect(connection.exchange('x')).rejects.toThrow('without Content-Length')
  connection.close()
})
