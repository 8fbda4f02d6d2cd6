import { describeSegmentSink, MemorySink } from './contract.ts'

describeSegmentSink('memory', () => new MemorySink())
