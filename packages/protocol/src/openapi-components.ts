/** The named schemas of the OpenAPI document: those that parse the requests. */
import { z } from 'zod'
import { replayCheckSchema, runHistorySchema } from './histories.ts'
import { batchResultSchema, batchSchema } from './hrana/batch.ts'
import { conditionShapeSchema } from './hrana/condition.ts'
import { cursorEntrySchema, cursorRequestSchema } from './hrana/cursor.ts'
import { describeResultSchema } from './hrana/describe.ts'
import { pipelineReplySchema, pipelineRequestSchema } from './hrana/pipeline.ts'
import { statementResultSchema, statementSchema } from './hrana/statement.ts'
import { answeredHranaValueSchema, hranaValueSchema } from './hrana/value.ts'
import { jobListSchema, jobSchema } from './jobs.ts'
import { outputEventSchema, outputPageSchema, runOutputSchema } from './outputs.ts'
import { hranaErrorSchema, problemSchema } from './problem.ts'
import { jsonArgSchema, jsonValueSchema, queryBodySchema, queryReplySchema } from './query.ts'
import {
  rerunBodySchema,
  rerunPreviewSchema,
  runDetailSchema,
  runErrorSchema,
  runPageSchema,
  runResultSchema,
  runSchema,
  runStatusSchema,
  sendEventBodySchema,
  sentEventSchema,
  skipBodySchema,
  startRunBodySchema,
  stepSchema,
  waitSchema,
} from './runs.ts'
import {
  createScheduleBodySchema,
  deletedScheduleSchema,
  putScheduleBodySchema,
  scheduleDetailSchema,
  scheduleListSchema,
  scheduleSchema,
} from './schedules.ts'
import {
  createTenantBodySchema,
  deleteReceiptSchema,
  durabilityClassSchema,
  forkTenantBodySchema,
  patchTenantBodySchema,
  releaseReceiptSchema,
  restoredTenantSchema,
  restoreTenantBodySchema,
  snapshotListSchema,
  snapshotProofSchema,
  tenantDurabilitySchema,
  tenantPageSchema,
  tenantSchema,
  tenantStateSchema,
  tenantStatsSchema,
} from './tenants.ts'

const COMPONENTS = {
  Problem: problemSchema,
  Tenant: tenantSchema,
  TenantState: tenantStateSchema,
  TenantPage: tenantPageSchema,
  TenantStats: tenantStatsSchema,
  ForkTenantBody: forkTenantBodySchema,
  RestoreTenantBody: restoreTenantBodySchema,
  RestoredTenant: restoredTenantSchema,
  SnapshotList: snapshotListSchema,
  SnapshotProof: snapshotProofSchema,
  CreateTenantBody: createTenantBodySchema,
  PatchTenantBody: patchTenantBodySchema,
  TenantDurability: tenantDurabilitySchema,
  DurabilityClass: durabilityClassSchema,
  DeleteReceipt: deleteReceiptSchema,
  Job: jobSchema,
  JobList: jobListSchema,
  ReleaseReceipt: releaseReceiptSchema,
  QueryBody: queryBodySchema,
  QueryArg: jsonArgSchema,
  QueryReply: queryReplySchema,
  QueryValue: jsonValueSchema,
  StartRunBody: startRunBodySchema,
  SkipBody: skipBodySchema,
  RerunBody: rerunBodySchema,
  RerunPreview: rerunPreviewSchema,
  RunStatus: runStatusSchema,
  RunError: runErrorSchema,
  Run: runSchema,
  RunResult: runResultSchema,
  RunStep: stepSchema,
  RunWait: waitSchema,
  RunDetail: runDetailSchema,
  RunPage: runPageSchema,
  RunHistory: runHistorySchema,
  ReplayCheck: replayCheckSchema,
  RunOutput: runOutputSchema,
  OutputEvent: outputEventSchema,
  OutputPage: outputPageSchema,
  SendEventBody: sendEventBodySchema,
  SentEvent: sentEventSchema,
  CreateScheduleBody: createScheduleBodySchema,
  PutScheduleBody: putScheduleBodySchema,
  Schedule: scheduleSchema,
  ScheduleDetail: scheduleDetailSchema,
  ScheduleList: scheduleListSchema,
  DeletedSchedule: deletedScheduleSchema,
  HranaValue: hranaValueSchema,
  HranaAnsweredValue: answeredHranaValueSchema,
  HranaStatement: statementSchema,
  HranaStatementResult: statementResultSchema,
  HranaCondition: conditionShapeSchema,
  HranaBatch: batchSchema,
  HranaBatchResult: batchResultSchema,
  HranaDescription: describeResultSchema,
  HranaError: hranaErrorSchema,
  HranaPipeline: pipelineRequestSchema,
  HranaPipelineReply: pipelineReplySchema,
  HranaCursor: cursorRequestSchema,
  HranaCursorEntry: cursorEntrySchema,
} satisfies Record<string, z.ZodType>

/** The name of a schema in the document. */
export type ComponentName = keyof typeof COMPONENTS

/** Where the schema of this name stands. */
export function componentUri(name: string): string {
  return `#/components/schemas/${name}`
}

/** Clients write inputs and read replies; in both places the shape before any transform is the wire's shape. */
export function componentSchemas(): Record<string, object> {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(COMPONENTS)) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: componentUri, override: withoutTimePattern })
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutIdentity(schema)]))
}

/** `format` says it; the pattern of a date with its leap years is a page that nobody reads. */
function withoutTimePattern({ jsonSchema }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
}

/** Inside a document, a schema is named by its place; `$schema` and `$id` would open a document of its own. */
function withoutIdentity({ $schema: _schema, $id: _id, ...schema }: z.core.JSONSchema.BaseSchema): object {
  return schema
}
