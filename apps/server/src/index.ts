export { type Project, readProject } from './project.ts'
export { type RunOptions, runServer } from './run-server.ts'
export {
  type RecoverArguments,
  readRecovery,
  readSettings,
  type ServerArguments,
  type ServerSettings,
} from './settings.ts'
