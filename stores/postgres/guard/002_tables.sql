-- Tables of the guard. Everything here is written through the functions of the later files; no role
-- but the owner holds INSERT, UPDATE, DELETE or TRUNCATE on any of them (one exception, said below).
set local role retain_guard_owner;

create table if not exists retain_guard.installation (
  only_row      boolean     primary key default true check (only_row),
  version       integer     not null,
  -- One database has one guard for one store: holds reach only the classes of that store.
  store         text        not null,
  installed_at  timestamptz not null default clock_timestamp(),
  installed_by  text        not null default session_user
);
comment on table retain_guard.installation is 'Which version of the guard is installed.';

create table if not exists retain_guard.schedule_in_force (
  only_row      boolean     primary key default true check (only_row),
  version       integer     not null check (version > 0),
  adopted_at    timestamptz not null default clock_timestamp()
);
comment on table retain_guard.schedule_in_force is
  'The newest schedule version this store has heard of. Plans of an older one run no further batch.';

-- Plans ---------------------------------------------------------------------------------------------

create table if not exists retain_guard.plan (
  run_id        uuid        primary key,
  document      text        not null,
  digest        text        not null
    check (digest = 'sha256:' || encode(sha256(convert_to(document, 'UTF8')), 'hex')),
  requested_by  text        not null check (requested_by = btrim(requested_by) and requested_by <> ''),
  created_at    timestamptz not null default clock_timestamp(),
  expires_at    timestamptz not null,
  t0            xid8        not null,
  hold_version  bigint      not null,
  unique (run_id, digest, requested_by)
);
comment on table retain_guard.plan is
  'What people approve: the canonical document and its digest. Every other column is copied from the document.';
comment on column retain_guard.plan.t0 is
  'Snapshot mark: a row version written by this or a later transaction does not belong to the plan.';

create table if not exists retain_guard.step (
  run_id        uuid    not null references retain_guard.plan,
  step_no       integer not null check (step_no > 0),
  statements    text    not null,
  primary key (run_id, step_no)
);
comment on table retain_guard.step is
  'The exact SQL of a step. It runs only while its SHA-256 is the one the approved document names.';

create table if not exists retain_guard.lane (
  run_id        uuid    not null,
  step_no       integer not null,
  lane_no       integer not null check (lane_no > 0),
  upper_bound   text[],
  cursor_at     text[],
  fence         bigint  not null default 0,
  seq           integer not null default 0,
  picked        bigint  not null default 0,
  destroyed     bigint  not null default 0,
  held          bigint  not null default 0,
  blocked       bigint  not null default 0,
  changed       bigint  not null default 0,
  gone          bigint  not null default 0,
  finished_at   timestamptz,
  primary key (run_id, step_no, lane_no),
  foreign key (run_id, step_no) references retain_guard.step
);
comment on table retain_guard.lane is
  'How far one worker slot is in one step. Moves only in the transaction that destroys and logs.';

create table if not exists retain_guard.planned (
  run_id        uuid    not null,
  step_no       integer not null,
  ord           bigint  not null,
  key           text[]  not null,
  primary key (run_id, step_no, ord)
);
comment on table retain_guard.planned is
  'Planned keys of steps whose set a snapshot mark cannot pin down (conditions on other rows). Emptied when the run closes.';

-- Decisions and runs ----------------------------------------------------------------------------------

create table if not exists retain_guard.decision (
  run_id        uuid        primary key,
  digest        text        not null,
  requested_by  text        not null,
  decision      text        not null check (decision in ('approve', 'reject')),
  decided_by    text        not null check (decided_by = btrim(decided_by) and decided_by <> ''),
  decided_at    timestamptz not null default clock_timestamp(),
  foreign key (run_id, digest, requested_by) references retain_guard.plan (run_id, digest, requested_by),
  constraint four_eyes check
    (decision = 'reject' or lower(normalize(decided_by, nfkc)) <> lower(normalize(requested_by, nfkc)))
);
comment on constraint four_eyes on retain_guard.decision is
  'Who asked for a destruction never approves it, whatever the programs in front of this table believe.';

create table if not exists retain_guard.run (
  run_id          uuid        primary key references retain_guard.decision,
  opened_by       text        not null,
  opened_at       timestamptz not null default clock_timestamp(),
  control         text        not null default 'run' check (control in ('run', 'pause', 'stop')),
  control_by      text        not null,
  control_reason  text,
  control_at      timestamptz not null default clock_timestamp(),
  closed_at       timestamptz,
  outcome         text        check (outcome in ('completed', 'incomplete', 'stopped')),
  report          jsonb,
  check ((closed_at is null) = (outcome is null))
);
comment on table retain_guard.run is 'An approved plan being carried out. Every batch reads `control` first.';

-- The deletion log ------------------------------------------------------------------------------------

create table if not exists retain_guard.batch (
  batch_id      uuid        primary key,
  run_id        uuid        not null,
  step_no       integer     not null,
  lane_no       integer     not null,
  seq           integer     not null check (seq > 0),
  record_class  text        not null,
  rule_id       text        not null,
  rule_version  integer     not null,
  action        text        not null check (action in ('delete', 'anonymise', 'reduce')),
  table_name    text        not null,
  destroyed     integer     not null check (destroyed > 0),
  parts         jsonb       not null,
  hold_version  bigint      not null,
  schema_sha256 text        not null,
  executed_at   timestamptz not null,
  txid          xid8        not null,
  unique (run_id, step_no, lane_no, seq),
  foreign key (run_id, step_no, lane_no) references retain_guard.lane
);
create index if not exists batch_by_class_time on retain_guard.batch (record_class, executed_at);
create index if not exists batch_by_rule on retain_guard.batch (rule_id, executed_at);
create index if not exists batch_by_time on retain_guard.batch (executed_at);
comment on table retain_guard.batch is
  'One row per transaction that destroyed something, written by that transaction.';

create table if not exists retain_guard.batch_staged (
  batch_id      uuid        primary key references retain_guard.batch,
  run_id        uuid        not null,
  step_no       integer     not null,
  lane_no       integer     not null,
  executed_at   timestamptz not null,
  keys          text[]      not null
);
alter table retain_guard.batch_staged alter column keys set storage external;
create index if not exists batch_staged_by_lane on retain_guard.batch_staged (run_id, step_no, lane_no);
comment on table retain_guard.batch_staged is
  'Keys of destroyed records for the moment between the commit and the sealing. A row here is work to do.';

create table if not exists retain_guard.batch_sealed (
  batch_id      uuid        primary key references retain_guard.batch,
  key_epoch     text        not null,
  header        bytea       not null,
  header_sha256 bytea       generated always as (sha256(header)) stored,
  refs          bytea       not null check (octet_length(refs) > 0 and octet_length(refs) % 32 = 0),
  sealed_at     timestamptz not null default clock_timestamp(),
  sealed_by     text        not null,
  recovered     boolean     not null,
  first_index   bigint      check (first_index > 0)
);
create index if not exists batch_unintegrated on retain_guard.batch_sealed (sealed_at) where first_index is null;
create table if not exists retain_guard.key_epoch (
  key_epoch     text        primary key,
  commitment    bytea       not null check (octet_length(commitment) = 32),
  destroy_after date,
  opened_at     timestamptz not null default clock_timestamp(),
  destroyed_at  timestamptz
);
comment on table retain_guard.key_epoch is
  'Commitments to epoch keys: two workers with different keys of one name would make records impossible to find.';
comment on column retain_guard.key_epoch.destroy_after is
  'The last day on which the key is kept; null when nothing but a person''s word destroys it.';

alter table retain_guard.batch_sealed alter column refs set storage external;
comment on column retain_guard.batch_sealed.header is
  'The signed entry as it will stand in the ledger: 0x01 0x01, signature (64 bytes), RFC 8785 JSON in UTF-8.';
comment on column retain_guard.batch_sealed.sealed_by is
  'Which process did it, for operations. The key that signed is named in the header.';
comment on column retain_guard.batch_sealed.first_index is
  'Index of the header in the ledger; null until the batch is integrated.';
comment on column retain_guard.batch_sealed.refs is
  'One 32-byte reference per destroyed record, keyed, salted and in ascending order; the keys themselves are gone.';

-- Legal holds -----------------------------------------------------------------------------------------

create table if not exists retain_guard.matter (
  matter_id     text        primary key check (matter_id = btrim(matter_id) and matter_id <> ''),
  title         text        not null,
  opened_by     text        not null,
  opened_at     timestamptz not null default clock_timestamp()
);

create table if not exists retain_guard.hold (
  hold_no          bigint      generated always as identity primary key,
  matter_id        text        not null references retain_guard.matter,
  reason           text        not null
    check (reason in ('litigation', 'complaint', 'investigation', 'inquiry', 'restriction')),
  because          text        not null check (btrim(because) <> ''),
  placed_by        text        not null check (placed_by = btrim(placed_by) and placed_by <> ''),
  placed_at        timestamptz not null,
  effective_at     timestamptz not null,
  review_on        date        not null,
  version          bigint      not null unique,
  schedule_version integer     not null,
  released_at      timestamptz,
  released_by      text,
  released_because text,
  released_version bigint      unique,
  writers_noted_at timestamptz,
  frozen_at        timestamptz,
  check (num_nulls(released_at, released_by, released_because, released_version) in (0, 4))
);
comment on column retain_guard.hold.schedule_version is
  'In whose words the hold names classes and subjects.';
comment on column retain_guard.hold.effective_at is
  'Read from the database clock while no batch was running: every later batch has a later executed_at.';
comment on column retain_guard.hold.frozen_at is
  'From here on nobody changes or deletes what the hold covers: every writer older than the hold has ended.';
create index if not exists hold_in_force on retain_guard.hold (hold_no) where released_version is null;
create index if not exists hold_by_matter on retain_guard.hold (matter_id);

create table if not exists retain_guard.hold_key (
  -- A name that no schedule can have would be a statement that no reader of the ledger accepts.
  record_class  text   collate "C" not null check (record_class ~ '^[a-z][a-z0-9_]*$'),
  key_text      text   collate "C" not null,
  hold_no       bigint not null references retain_guard.hold,
  key_number    bigint generated always as (
    case when key_text ~ '^(0|-?[1-9][0-9]{0,18})$' then
      case when key_text::numeric between -9223372036854775808 and 9223372036854775807
           then key_text::bigint end
    end) stored,
  primary key (record_class, key_text, hold_no)
);
comment on column retain_guard.hold_key.key_number is
  'The key as PostgreSQL writes a whole number of at most 64 bits; null exactly when it is no such text.';
create index if not exists hold_key_by_number on retain_guard.hold_key (record_class, key_number, hold_no)
  where key_number is not null;
create index if not exists hold_key_by_hold on retain_guard.hold_key (hold_no);

create table if not exists retain_guard.hold_subject (
  subject_kind  text   collate "C" not null check (subject_kind ~ '^[a-z][a-z0-9_]*$'),
  subject       text   collate "C" not null,
  hold_no       bigint not null references retain_guard.hold,
  primary key (subject_kind, subject, hold_no)
);
create index if not exists hold_subject_by_hold on retain_guard.hold_subject (hold_no);

create table if not exists retain_guard.hold_reach (
  kind          text not null check (kind in ('class', 'subject')),
  name          text not null,
  primary key (kind, name)
);
comment on table retain_guard.hold_reach is
  'Every class and kind of subject that a hold ever named. Small, so that each batch can compare it with its plan.';

create table if not exists retain_guard.hold_state (
  only_row  boolean primary key default true check (only_row),
  version   bigint  not null
);
insert into retain_guard.hold_state (version) values (0) on conflict do nothing;
comment on table retain_guard.hold_state is
  'Number of the last placing or releasing. Plans and batches record which one they saw.';

create table if not exists retain_guard.revoked_signer (
  name          text        primary key check (name ~ '^worker-[0-9a-f]{8}$'),
  at            timestamptz not null default clock_timestamp()
);
comment on table retain_guard.revoked_signer is
  'Worker keys that nothing is sealed with any more: told here before the ledger is told that they are revoked.';

-- What the ledger is told -------------------------------------------------------------------------------

create table if not exists retain_guard.event (
  event_no      bigint      primary key check (event_no > 0),
  kind          text        not null
    check (kind in ('plan', 'approval', 'run.open', 'run.close', 'hold.place', 'hold.freeze', 'hold.release',
                    'epoch.open', 'epoch.destroy', 'guard.install', 'guard.remove')),
  body          jsonb       not null,
  names         jsonb       not null default '{}',
  at            timestamptz not null,
  first_index   bigint      unique check (first_index > 0)
);
comment on table retain_guard.event is
  'One row per statement for the ledger, written by the transaction of the thing itself, numbered without gaps.';
comment on column retain_guard.event.names is
  'Plain names by the field whose reference stands in the ledger: they never leave for it.';
comment on column retain_guard.event.first_index is 'Index of the entry in the ledger; null until it is integrated.';

create table if not exists retain_guard.event_state (
  only_row       boolean primary key default true check (only_row),
  -- After a restore the ledger has statements that this store has forgotten: their numbers are taken.
  resumed_after  bigint  not null default 0
);
insert into retain_guard.event_state default values on conflict do nothing;
comment on table retain_guard.event_state is 'A lock: whoever tells something holds this row until it commits.';

reset role;
