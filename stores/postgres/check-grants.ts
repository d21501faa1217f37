/**
 * The rights on the guard itself, compared with what its SQL grants: whoever can write a hold, a step
 * or a decision past the functions can destroy what nobody approved.
 */
import type { Sql } from 'postgres';
import { quoteIdentifier } from './identifier.ts';
import type { StoreFinding } from './store-finding.ts';

const TABLES = [
  'installation',
  'plan',
  'step',
  'lane',
  'planned',
  'decision',
  'run',
  'batch',
  'batch_staged',
  'batch_sealed',
  'matter',
  'hold',
  'hold_key',
  'hold_subject',
  'hold_state',
  'hold_reach',
  'hold_writer',
  'frozen_relation',
  'schedule_in_force',
  'key_epoch',
  'event',
  'event_state',
  'revoked_signer',
];

const READS: Readonly<Record<string, readonly string[]>> = {
  retain_app: TABLES,
  retain_worker: [
    'plan',
    'step',
    'lane',
    'run',
    'decision',
    'batch',
    'batch_staged',
    'batch_sealed',
    'installation',
    'event',
    'event_state',
  ],
  retain_auditor: [
    'installation',
    'plan',
    'step',
    'lane',
    'decision',
    'run',
    'batch',
    'batch_sealed',
    'matter',
    'hold',
    'key_epoch',
    'schedule_in_force',
    'hold_state',
    'hold_reach',
    'event',
    'event_state',
    'revoked_signer',
  ],
};

/** Columns of tables whose others are keys of records and people. */
const COLUMN_READS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  retain_auditor: {
    hold_key: ['record_class', 'hold_no'],
    hold_subject: ['subject_kind', 'hold_no'],
    batch_staged: ['batch_id', 'run_id', 'step_no', 'lane_no', 'executed_at'],
    planned: ['run_id', 'step_no'],
  },
};

const CALLS: Readonly<Record<string, readonly string[]>> = {
  retain_app: [
    'schema_sha256',
    'barrier_key',
    'planned_sha256',
    'adopt_schedule',
    'register_plan',
    'decide_plan',
    'open_run',
    'control_run',
    'close_run',
    'open_matter',
    'place_hold',
    'release_hold',
    'note_writers',
    'confirm_freeze',
    'find_ref',
    'resume_after',
    'revoke_signer',
    'require_epoch_over',
    'destroy_epoch_by_hand',
  ],
  retain_worker: [
    'claim_lane',
    'dispose_batch',
    'seal_batch',
    'register_epoch',
    'require_epoch_over',
    'destroy_epoch_on_date',
    'mark_integrated',
  ],
  retain_auditor: ['find_ref', 'planned_sha256'],
};

interface Grant {
  readonly kind: 'TABLE' | 'FUNCTION' | 'SCHEMA';
  readonly name: string;
  /** For a right on one column of a table only. */
  readonly column?: string | null;
  /** As a statement names it. */
  readonly object: string;
  /** Quoted; `PUBLIC` for everybody. */
  readonly grantee: string;
  readonly privilege: string;
}

type Wanted = Omit<Grant, 'object'>;

/** What `guard/011_rights.sql` and `guard/001_roles.sql` grant: these and no others. */
function wantedGrants(): Wanted[] {
  const of = (
    kind: Grant['kind'],
    privilege: string,
    names: Readonly<Record<string, readonly string[]>>,
  ) =>
    Object.entries(names).flatMap(([grantee, list]) =>
      list.map((name): Wanted => ({ kind, name, grantee, privilege })),
    );
  return [
    ...of('TABLE', 'SELECT', READS),
    ...Object.entries(COLUMN_READS).flatMap(([grantee, tables]) =>
      Object.entries(tables).flatMap(([name, columns]) =>
        columns.map(
          (column): Wanted => ({ kind: 'TABLE', name, column, grantee, privilege: 'SELECT' }),
        ),
      ),
    ),
    ...of('TABLE', 'INSERT', { retain_app: ['planned'] }),
    ...of('FUNCTION', 'EXECUTE', CALLS),
    ...Object.keys(READS).map(
      (grantee): Wanted => ({ kind: 'SCHEMA', name: 'retain_guard', grantee, privilege: 'USAGE' }),
    ),
  ];
}

const nameOf = ({ kind, name, column, grantee, privilege }: Wanted) =>
  `${grantee} ${privilege} ${kind} ${name} ${column ?? ''}`;

const rightOf = ({ privilege, column }: Pick<Wanted, 'privilege' | 'column'>) =>
  column == null ? privilege : `${privilege} (${quoteIdentifier(column)})`;

/** Every grant on the guard, to anybody but its owner, that is too many or too few. */
export async function grantFindings(sql: Sql): Promise<StoreFinding[]> {
  const objects = await guardObjects(sql);
  const granted = await guardGrants(sql);
  const wanted = wantedGrants();
  const wantedNames = new Set(wanted.map(nameOf));
  const grantedNames = new Set(granted.map(nameOf));
  return [
    ...granted.filter((grant) => !wantedNames.has(nameOf(grant))).map((grant) => excess(grant)),
    ...wanted
      .filter((grant) => !grantedNames.has(nameOf(grant)))
      .map((grant) => missing(grant, objects.get(`${grant.kind} ${grant.name}`))),
  ];
}

function excess(grant: Grant): StoreFinding {
  const { kind, object, grantee } = grant;
  const right = rightOf(grant);
  return {
    severity: 'error',
    code: 'RIGHTS_EXCESS',
    message: `${grantee} holds ${right} on ${object} and must not`,
    statement: `REVOKE ${right} ON ${kind} ${object} FROM ${grantee};`,
  };
}

function missing(grant: Wanted, object: string | undefined): StoreFinding {
  const { kind, name, grantee } = grant;
  const right = rightOf(grant);
  if (object === undefined) {
    const message = `the guard has no ${kind.toLowerCase()} ${name}; run: retain store install`;
    return { severity: 'error', code: 'GUARD_MISMATCH', message };
  }
  return {
    severity: 'error',
    code: 'RIGHTS_MISSING',
    message: `${grantee} lacks ${right} on ${object}`,
    statement: `GRANT ${right} ON ${kind} ${object} TO ${grantee};`,
  };
}

async function guardObjects(sql: Sql): Promise<Map<string, string>> {
  const rows = await sql<{ name: string; object: string }[]>`
    select 'TABLE ' || c.relname as name, format('retain_guard.%I', c.relname) as object
      from pg_catalog.pg_class c where c.relnamespace = 'retain_guard'::regnamespace and c.relkind = 'r'
    union all
    select 'FUNCTION ' || p.proname, p.oid::regprocedure::text
      from pg_catalog.pg_proc p where p.pronamespace = 'retain_guard'::regnamespace
    union all
    select 'SCHEMA retain_guard', 'retain_guard'`;
  return new Map(rows.map(({ name, object }) => [name, object]));
}

async function guardGrants(sql: Sql): Promise<Grant[]> {
  return sql<Grant[]>`
    with acl(kind, name, "column", object, owner, entries) as (
      select 'TABLE', c.relname::text, null::text, format('retain_guard.%I', c.relname), c.relowner, c.relacl
        from pg_catalog.pg_class c
       where c.relnamespace = 'retain_guard'::regnamespace and c.relkind not in ('i', 'S')
      union all
      select 'TABLE', c.relname::text, a.attname::text, format('retain_guard.%I', c.relname), c.relowner, a.attacl
        from pg_catalog.pg_class c join pg_catalog.pg_attribute a on a.attrelid = c.oid
       where c.relnamespace = 'retain_guard'::regnamespace and a.attacl is not null
      union all
      select 'FUNCTION', p.proname::text, null, p.oid::regprocedure::text, p.proowner,
             coalesce(p.proacl, acldefault('f', p.proowner))
        from pg_catalog.pg_proc p where p.pronamespace = 'retain_guard'::regnamespace
      union all
      select 'SCHEMA', n.nspname::text, null, quote_ident(n.nspname), n.nspowner, n.nspacl
        from pg_catalog.pg_namespace n where n.nspname = 'retain_guard'
    )
    select distinct acl.kind, acl.name, acl."column", acl.object, g.privilege_type as privilege,
           case when g.grantee = 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(g.grantee)) end as grantee
      from acl, aclexplode(acl.entries) as g
     where g.grantee <> acl.owner
     order by 1, 2, 6, 5, 3`;
}
