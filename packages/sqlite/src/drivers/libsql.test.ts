import { describeEngineDriver } from '../contract.ts'
import { directoryMaker } from '../test-bed.ts'
import { libsqlDriver } from './libsql.ts'

describeEngineDriver(libsqlDriver, directoryMaker())
