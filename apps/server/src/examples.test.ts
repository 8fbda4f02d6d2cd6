/** The examples, by the words of README.md: each command of its section is run as it stands there. */
import { spawn } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type ChildServer, scratchDirectory, startServer, watch } from './fixtures/child-server.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const START = 'npm start -- '
const END = 'pkill -9 -f bin/tenax.ts'

/** The commands in the section `title`, line by line. */
function commandsOf(title: string): string[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const section = readme.split(`### ${title}\n`)[1]?.split(/\n##+ /)[0] ?? ''
  const blocks = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block)
  return blocks.flatMap((block) => block.trim().split('\n'))
}

/** The words of the README, where a shell finds them: `npx tenax` is the command line of this tree. */
function binariesIn(path: string): string {
  const npx = join(path, 'npx')
  const script = join(ROOT, 'apps/cli/bin/tenax.ts')
  writeFileSync(npx, `#!/bin/sh\n[ "$1" = tenax ] || exit 1\nshift\nexec "${process.execPath}" "${script}" "$@"\n`)
  chmodSync(npx, 0o755)
  return `${path}:${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`
}

test('the examples do what README.md says, over a kill -9', async () => {
  using scratch = scratchDirectory()
  const path = binariesIn(scratch.path)
  let port = 0
  const servers: ChildServer[] = []
  const outputs: string[] = []
  for (const command of commandsOf('Three examples')) {
    if (command.startsWith(START)) {
      // As `npm start` does it, on a port and in a place of its own.
      const args = command.slice(START.length).replace('data-examples', join(scratch.path, 'data')).split(' ')
      const server = startServer({ args: ['dev', ...args, '--port', String(port), '--json'], cwd: ROOT })
      servers.push(server)
      port = (await server.ready).port
    } else if (command === END) {
      servers.at(-1)?.kill('SIGKILL')
      await servers.at(-1)?.ended
    } else {
      const env = { PATH: path, TENAX_URL: `http://127.0.0.1:${port}` }
      const { code, stdout, stderr } = await watch(spawn('sh', ['-c', command], { cwd: ROOT, env })).ended
      expect(code, `${command}\n${stderr}`).toBe(0)
      outputs.push(`${command}\n${stdout}`)
    }
  }
  const outputOf = (words: string) => outputs.find((output) => output.includes(words)) ?? ''
  expect(outputOf('explain shop trial-ada')).toContain('waits for event "upgraded" with key "ada"')
  expect(outputOf('result shop trial-ada')).toContain('{"paid":true}')
  expect(outputOf('result shop book')).toContain('{"pages":12,"failed":0}')
  expect(outputOf('watch shop journey')).toMatch(/run journey {2}is completed, output "Done: .*paid 80/)
  expect(outputOf('show shop journey')).toMatch(/\|=+ *\|/)
  expect(outputOf('from chunk')).toContain('12')
  servers.at(-1)?.kill('SIGTERM')
  const said = (await Promise.all(servers.map((server) => server.ended))).map(({ stdout }) => stdout).join('')
  expect(said.match(/pay: charge ada/g)).toHaveLength(1)
  expect(said.match(/tool: pay 80/g)).toHaveLength(1)
})
