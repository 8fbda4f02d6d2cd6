import { describeEngineDriver } from '../contract.ts'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { nodeSqliteDriver } from './node-sqlite.ts'

describeEngineDriver(nodeSqliteDriver, directoryMaker())
