/**
 * The sandbox's allow-list, as data for SQLite's authorizer (https://www.sqlite.org/c3ref/set_authorizer.html). It is on
 * only while tenant text is compiled. Everything that no rule allows is denied.
 *
 * Few rules with many names each: setting 100 rules on the engine costs 190 µs, 10 rules 15 µs.
 */
import { readablePragmaTables } from './pragmas.ts'

/** What the authorizer is asked about, under SQLite's names. */
export type AuthorizerAction =
  | 'CREATE_INDEX'
  | 'CREATE_TABLE'
  | 'CREATE_TRIGGER'
  | 'CREATE_VIEW'
  | 'CREATE_VTABLE'
  | 'DROP_INDEX'
  | 'DROP_TABLE'
  | 'DROP_TRIGGER'
  | 'DROP_VIEW'
  | 'DROP_VTABLE'
  | 'ALTER_TABLE'
  | 'REINDEX'
  | 'ANALYZE'
  | 'INSERT'
  | 'UPDATE'
  | 'DELETE'
  | 'READ'
  | 'SELECT'
  | 'RECURSIVE'
  | 'FUNCTION'

/** A set of names: these, or all that begin with `prefix` in any case. Compared to what the engine calls the thing. */
export type NameSet = { readonly names: readonly string[] } | { readonly prefix: string }

/** One rule; the first that matches decides. `table` is the table concerned, `entity` an index, view, module, function. */
export interface PolicyRule {
  readonly actions: readonly AuthorizerAction[]
  readonly table?: NameSet
  readonly entity?: NameSet
  readonly allow: boolean
}

/** Rules in order; what none of them matches is denied. */
export interface AuthorizerPolicy {
  readonly rules: readonly PolicyRule[]
}

/**
 * Functions that only compute. Not here: files, extensions, encryption, tokenizer pointers, debugging, `sqlite_*`
 * internals, and those that overrun a stack or a buffer on hostile arguments (`regexp`, `replicate`, `padr`).
 */
const FUNCTIONS = (
  'abs changes char coalesce concat concat_ws count avg sum total min max group_concat string_agg format printf glob hex unhex ' +
  'ifnull iif if instr last_insert_rowid length like likelihood likely unlikely lower upper ltrim rtrim trim nullif ' +
  'octet_length quote random randomblob replace round sign soundex sqlite_source_id sqlite_version substr substring subtype ' +
  'total_changes typeof unicode zeroblob date time datetime julianday unixepoch strftime timediff current_date current_time ' +
  'current_timestamp acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod pi ' +
  'pow power radians sin sinh sqrt tan tanh trunc row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value ' +
  'last_value nth_value json jsonb json_array jsonb_array json_array_length json_error_position json_extract jsonb_extract ' +
  'json_insert jsonb_insert json_object jsonb_object json_patch jsonb_patch json_pretty json_quote json_remove jsonb_remove ' +
  'json_replace jsonb_replace json_set jsonb_set json_type json_valid json_group_array jsonb_group_array json_group_object ' +
  'jsonb_group_object -> ->> match bm25 highlight snippet fts5 fts5_get_locale fts5_locale ' +
  'fts5_source_id rtreecheck rtreedepth geopoly_area geopoly_bbox geopoly_blob geopoly_ccw geopoly_contains_point ' +
  'geopoly_debug geopoly_group_bbox geopoly_json geopoly_overlap geopoly_regular geopoly_svg geopoly_within geopoly_xform ' +
  'vector vector8 vector16 vector32 vector64 vectorb16 vector1bit vector_extract vector_distance_cos vector_distance_l2 ' +
  'libsql_vector_idx uuid uuid_str uuid_blob median stdev variance mode lower_quartile upper_quartile ' +
  'square cot coth atn2 unistr unistr_quote'
).split(' ')

/**
 * Functions of the engine that are not for tenants. Definitions are searched for them, because SQLite does not ask the
 * authorizer about a DEFAULT, and runs one that it holds harmless.
 */
export const DENIED_FUNCTIONS: ReadonlySet<string> = new Set(
  (
    'readfile writefile edit fsdir load_extension sha3 sha3_agg sha3_query lsmode regexp regexpi replicate charindex padl padr ' +
    'padc strfilter proper leftstr rightstr reverse difference fts3_tokenizer matchinfo offsets optimize sqlite_log ' +
    'sqlite_compileoption_get sqlite_compileoption_used sqlite3mc_config sqlite3mc_config_table sqlite3mc_codec_data ' +
    'sqlite3mc_version rtreenode last_rows_affected'
  ).split(' '),
)

/** Virtual table modules that a tenant may make tables of. FTS3 and FTS4 call any function by name (`compress=readfile`). */
export const MODULES: readonly string[] = ['fts5', 'fts5vocab', 'rtree', 'rtree_i32', 'geopoly']

/** Tables that exist without being made, and show more than the tenant's rows: pages, statements, files, memory. */
export const FORBIDDEN_TABLES: readonly string[] = [
  'sqlite_dbpage',
  'dbstat',
  'sqlite_stmt',
  'fsdir',
  'carray',
  'fts3tokenize',
  'bytecode',
  'tables_used',
]

/** DDL asks, through these, about its own work; none of them can be reached from SQL text of a tenant. */
const RENAME_FUNCTIONS = (
  'sqlite_rename_table sqlite_rename_column sqlite_rename_test sqlite_rename_quotefix sqlite_drop_column sqlite_fail ' +
  'sqlite_add_constraint sqlite_drop_constraint sqlite_find_constraint'
).split(' ')

const CHANGES = [
  'CREATE_INDEX',
  'CREATE_TABLE',
  'CREATE_TRIGGER',
  'CREATE_VIEW',
  'CREATE_VTABLE',
  'DROP_INDEX',
  'DROP_TABLE',
  'DROP_TRIGGER',
  'DROP_VIEW',
  'DROP_VTABLE',
  'ALTER_TABLE',
  'INSERT',
  'UPDATE',
  'DELETE',
] as const

/** Harmless on any table; a bare ANALYZE or REINDEX visits the engine's own as well. */
const REBUILDS = ['REINDEX', 'ANALYZE'] as const

const RESERVED: NameSet = { prefix: 'tenax_' }

/** The policy under which all tenant text is compiled. */
export const TENANT_POLICY: AuthorizerPolicy = {
  rules: [
    { actions: CHANGES, table: RESERVED, allow: false },
    { actions: CHANGES, entity: RESERVED, allow: false },
    // Not UPDATE: ALTER asks for it on its own behalf, and SQLite itself lets nobody update a schema table.
    { actions: ['INSERT', 'DELETE'], table: { names: ['sqlite_temp_master', 'sqlite_temp_schema'] }, allow: false },
    { actions: ['READ', ...CHANGES], table: { names: FORBIDDEN_TABLES }, allow: false },
    { actions: ['READ'], table: { names: readablePragmaTables() }, allow: true },
    { actions: ['READ'], table: { prefix: 'pragma_' }, allow: false },
    { actions: ['CREATE_VTABLE'], entity: { names: MODULES }, allow: true },
    { actions: ['CREATE_VTABLE'], allow: false },
    { actions: ['FUNCTION'], entity: { names: [...FUNCTIONS, ...RENAME_FUNCTIONS] }, allow: true },
    { actions: [...CHANGES, ...REBUILDS, 'READ', 'SELECT', 'RECURSIVE'], allow: true },
  ],
}

/** True when `rule` speaks about this question. Drivers whose engine takes no rules evaluate the policy with it. */
export function ruleMatches(
  rule: PolicyRule,
  asked: { action: string; table?: string | undefined; entity?: string | undefined },
): boolean {
  if (!(rule.actions as readonly string[]).includes(asked.action)) return false
  return inSet(rule.table, asked.table) && inSet(rule.entity, asked.entity)
}

function inSet(set: NameSet | undefined, name: string | undefined): boolean {
  if (set === undefined) return true
  if (name === undefined) return false
  return 'names' in set ? set.names.includes(name) : name.toLowerCase().startsWith(set.prefix)
}
