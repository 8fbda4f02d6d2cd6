export { decodeBase64, encodeBase64, encodeBase64Unpadded } from './base64.ts'
export { type BodyIssue, parseBody, parseSearchParams } from './body.ts'
export {
  type BatchStep,
  batchResultSchema,
  batchSchema,
  encodeBatchResult,
  type HranaBatch,
  type HranaBatchResult,
  type StepResult,
} from './hrana/batch.ts'
export {
  type BatchCondition,
  type BatchState,
  conditionSchema,
  evaluateCondition,
  type StepOutcome,
} from './hrana/condition.ts'
export {
  CURSOR_END,
  type CursorEntry,
  type CursorHead,
  type CursorRequest,
  cursorEntrySchema,
  cursorHead,
  cursorRequestSchema,
  encodeCursorLine,
  errorEntry,
  parseCursorRequest,
  rowEntry,
  stepBeginEntry,
  stepEndEntry,
  stepEntries,
  stepErrorEntry,
} from './hrana/cursor.ts'
export {
  type DescribeResult,
  describeResultSchema,
  encodeDescribeResult,
  type StatementDescription,
} from './hrana/describe.ts'
export {
  encodePipelineReply,
  type PipelineReply,
  type PipelineRequest,
  parsePipelineRequest,
  pipelineReplySchema,
  pipelineRequestSchema,
  type StreamRequest,
  type StreamResponse,
  type StreamResult,
} from './hrana/pipeline.ts'
export {
  encodeColumns,
  encodeRow,
  encodeStatementResult,
  type HranaArgs,
  type HranaSql,
  type HranaStatement,
  type HranaStatementResult,
  type StatementResultOptions,
  statementResultSchema,
  statementSchema,
} from './hrana/statement.ts'
export {
  decodeHranaValue,
  encodeHranaValue,
  type HranaValue,
  hranaValueSchema,
  type RawJsonNumber,
} from './hrana/value.ts'
export {
  BATCH_STEPS_MAX,
  BATON_CHARS_MAX,
  BODY_ISSUES_MAX,
  CONDITION_DEPTH_MAX,
  CONDITION_PARTS_MAX,
  CURSOR_CHARS_MAX,
  LIST_TENANTS_DEFAULT,
  LIST_TENANTS_MAX,
  PIPELINE_REQUESTS_MAX,
  STORED_SQL_MAX,
} from './limits.ts'
export { type OpenApiDocument, openApiDocument } from './openapi.ts'
export {
  type HranaError,
  hranaErrorSchema,
  KIND_STATUS,
  PROBLEM_CONTENT_TYPE,
  type Problem,
  type ProblemDetails,
  problemSchema,
  RETRY_AFTER_SECONDS,
  toHranaError,
  toHranaProblem,
  toProblem,
} from './problem.ts'
export {
  decodeJsonArgs,
  encodeJsonValue,
  encodeQueryReply,
  type JsonArg,
  type JsonArgs,
  type JsonValue,
  jsonArgSchema,
  jsonArgsSchema,
  jsonValueSchema,
  type QueryBody,
  type QueryReply,
  queryBodySchema,
  queryReplySchema,
} from './query.ts'
export {
  type CreateTenantBody,
  createTenantBodySchema,
  type DeleteReceipt,
  deleteReceiptSchema,
  type ListTenantsQuery,
  listTenantsQuerySchema,
  TENANT_STATES,
  type TenantPage,
  type TenantResource,
  type TenantState,
  type TenantStats,
  tenantPageSchema,
  tenantSchema,
  tenantStateSchema,
  tenantStatsSchema,
} from './tenants.ts'
