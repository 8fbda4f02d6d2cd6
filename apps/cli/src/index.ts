export { type CliIo, processIo } from './io.ts'
export { type MainOptions, main } from './main.ts'
export { readSettings, type Settings } from './settings.ts'
