/** The three examples. README.md of the repository says how to run them. */
import { defineConfig } from 'tenax'

export default defineConfig({
  migrations: './migrations',
  workflows: ['./trial.ts', './ingest.ts', './agent.ts'],
})
