import { describeEngineDriver } from '../contract.ts'
import { directoryMaker } from '../fixtures/test-bed.ts'
import { libsqlDriver } from './libsql.ts'

describeEngineDriver(libsqlDriver, directoryMaker())
