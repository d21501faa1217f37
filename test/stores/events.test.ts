import { createHash } from 'node:crypto';
import type { TransactionSql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statementEntry } from '../../app/ledger/statement.ts';
import { installStore } from '../../app/store-admin.ts';
import { parseSchedule } from '../../config/schedule-file.ts';
import type { Plan } from '../../domain/plan.ts';
import { decodeEntry, entrySha256, type SignedEntry } from '../../ledger/entry.ts';
import { keyCommitment } from '../../ledger/references.ts';
import { readStatement } from '../../ledger/statements.ts';
import { connectStore, type StoreConnection } from '../../stores/postgres/connection.ts';
import { type GuardApp, guardApp } from '../../stores/postgres/guard-app.ts';
import { type Governed, governedDatabase } from '../support/governed.ts';
import { TEST_KEY } from '../support/test-key.ts';
import { closingTable, deleteAfter, partTable, scheduleText } from './small-schedule.ts';
import { asRole, refusalOf } from './tampering.ts';
import { newest, type Told, told } from './told.ts';

// Names that occur nowhere else: none of them may stand in a body.
const NAMES = ['Rita Requester', 'Adam Approver', 'Petra Placer', 'Ralf Releaser', 'MATTER-77'];
const [RITA = '', ADAM = '', PETRA = '', RALF = '', MATTER = ''] = NAMES;
const TEXT = scheduleText({
  classes: {
    folder: {
      table: 'public.folder',
      subjects: { person: 'person' },
      references: { sheet_folder_id_fkey: 'owned' },
    },
    card: { table: 'public.card' },
  },
  rules: {
    folder_rule: deleteAfter('folder', 'closed_on'),
    card_rule: deleteAfter('card', 'closed_on'),
  },
});

let governed: Governed;
let connection: StoreConnection;
let app: GuardApp;
let plan: Plan;
let rejected: Plan;
let holdNo: number;
let placed: { placedAt: string; effectiveAt: string; version: number };
let releasedAt: string;
let epoch: { id: string; commitment: string };

beforeAll(async () => {
  governed = await governedDatabase({
    setup: (sql) =>
      sql.unsafe(`${closingTable('folder', 'person integer')} ${partTable('sheet', 'folder')} ${closingTable('card')}
        create index on folder (person);
        insert into folder select n, '2001-01-01', n from generate_series(1, 12) n;
        insert into sheet select n, n from generate_series(1, 12) n;
        insert into card select n, '2001-01-01' from generate_series(1, 5) n;`),
    schedule: TEXT,
  });
  connection = await connectStore(governed.store, governed.url, 'retain_app');
  app = guardApp(connection);
  await app.openMatter(MATTER, 'The matter of Petra Placer', PETRA);
  const hold = await app.placeHold({
    ...{ matter: MATTER, reason: 'litigation', because: 'a letter', placedBy: PETRA },
    reviewOn: '2030-02-01',
    keys: ['1', '2', '2'].map((keyText) => ({ recordClass: 'folder', keyText })),
    subjects: [{ kind: 'person', subject: '3' }],
  });
  holdNo = hold.holdNo;
  placed = hold;
  plan = await governed.plan({ actor: RITA });
  await governed.approve(plan, ADAM);
  await app.openRun(plan.document.run, ADAM);
  await governed.workLane(plan, 1, 1);
  await governed.workLane(plan, 2, 1);
  await governed.close(plan);
  releasedAt = await app.releaseHold(holdNo, RALF, 'settled');
  rejected = await governed.plan({ actor: RITA, rules: ['folder_rule'] });
  await app.decide(rejected.document.run, rejected.digest, 'reject', RITA);
  const key = await governed.retain.epochKeys.forWriting('folder');
  epoch = { id: key.id, commitment: keyCommitment(key.key).toString('hex') };
});
afterAll(async () => {
  await connection.end();
  await governed.end();
});

const ofKind = async (kind: string): Promise<Told[]> =>
  (await told(governed.sql)).filter((event) => event.kind === kind);
const hex = (digest: string) => digest.replace('sha256:', '');
/** Of an instant with any or no fraction. */
const micros = (instant: string) =>
  instant.replace(/(?:\.(\d+))?Z$/, (_, part = '') => `.${String(part).padEnd(6, '0')}Z`);

describe('each thing that matters is told once, in order, with what the ledger says of it', () => {
  it('these and no others', async () => {
    expect((await told(governed.sql)).map(({ n, kind }) => `${n} ${kind}`)).toEqual([
      '1 guard.install',
      '2 hold.place',
      '3 plan',
      '4 approval',
      '5 run.open',
      ...['6 epoch.open', '7 epoch.open'],
      '8 run.close',
      '9 hold.release',
      '10 plan',
      '11 approval',
    ]);
  });

  it('guard.install', async () => {
    expect(await ofKind('guard.install')).toMatchObject([
      { body: { guard_version: 1 }, names: {} },
    ]);
  });

  it('hold.place counts what the hold names and gives its instants', async () => {
    const [event] = await ofKind('hold.place');
    expect(event?.body).toEqual({
      ...{ hold: holdNo, version: '1', reason: 'litigation', review_on: '2030-02-01' },
      ...{ placed_at: placed.placedAt, effective_at: placed.effectiveAt },
      ...{ classes: { folder: 2 }, subjects: { person: 1 } },
    });
    expect(event?.names).toEqual({ matter: MATTER, placed_by: PETRA });
  });

  it('plan', async () => {
    const events = await ofKind('plan');
    expect(events.map(({ body }) => body)).toEqual([saidOf(plan), saidOf(rejected)]);
    expect(events.map(({ names }) => names)).toEqual([
      { requested_by: RITA },
      { requested_by: RITA },
    ]);
  });

  it('approval, and that a plan was rejected', async () => {
    const decided = ({ document, digest }: Plan, decision: string) => ({
      body: { run: document.run, sha256: hex(digest), decision },
      names: { requested_by: RITA, decided_by: decision === 'approve' ? ADAM : RITA },
    });
    const events = await ofKind('approval');
    expect(events.map(({ body, names }) => ({ body, names }))).toEqual([
      decided(plan, 'approve'),
      decided(rejected, 'reject'),
    ]);
  });

  it('run.open', async () => {
    expect(await ofKind('run.open')).toMatchObject([
      { body: { run: plan.document.run, sha256: hex(plan.digest) }, names: { opened_by: ADAM } },
    ]);
  });

  it('epoch.open, once for each key', async () => {
    const events = await ofKind('epoch.open');
    expect(events.map(({ body }) => body)).toContainEqual({
      epoch: epoch.id,
      commitment: epoch.commitment,
      destroy_after: null,
    });
  });

  it('hold.release', async () => {
    const [event] = await ofKind('hold.release');
    expect(event?.body).toEqual({ hold: holdNo, version: '2', released_at: releasedAt });
    expect(event?.names).toEqual({ released_by: RALF });
  });

  it('run.close, with totals that an independent count has too', async () => {
    const [event] = await ofKind('run.close');
    expect(event?.body).toEqual(await countedIndependently(plan.document.run));
    expect(event?.body).toMatchObject({
      ...{ outcome: 'completed', records: 14, held: 3, blocked: 0, changed: 0, gone: 0 },
      classes: { folder: { batches: 1, records: 9 }, card: { batches: 1, records: 5 } },
    });
    expect(event?.names).toEqual({});
  });
});

it('no plain name stands in a body, and each body is one that the ledger accepts', async () => {
  const keys = { worker: TEST_KEY, names: Buffer.alloc(32, 1) };
  let prev = '0'.repeat(64);
  for (const { n, kind, body, names, at } of await told(governed.sql)) {
    for (const name of NAMES) expect(JSON.stringify(body)).not.toContain(name);
    const place = { source: `store:${governed.store}`, n, prev };
    const entry = statementEntry({ kind, body, names, at }, place, keys);
    for (const name of NAMES) expect(entry.toString('utf8')).not.toContain(name);
    expect(readStatement(decodeEntry(entry) as SignedEntry)).toMatchObject({ kind, n, at });
    prev = entrySha256(entry).toString('hex');
  }
});

describe('nothing is told', () => {
  const nothing = async (work: () => Promise<unknown>, answer: string) => {
    const before = await newest(governed.sql);
    expect(await refusalOf(work())).toBe(answer);
    expect(await told(governed.sql, before)).toEqual([]);
  };

  it('when the guard is installed again in the same version', async () => {
    const { schedule } = parseSchedule(TEXT, 'test.yaml');
    if (!schedule) throw new Error('the schedule does not parse');
    await nothing(() => installStore(governed.retain, schedule, governed.store), 'none');
    await governed.sql`update retain_guard.installation set version = 2`;
    await installStore(governed.retain, schedule, governed.store);
    expect((await told(governed.sql)).at(-1)).toMatchObject({ kind: 'guard.install' });
  });

  it('when what was asked for is so already', async () => {
    const { run } = plan.document;
    await nothing(() => governed.close(plan), 'none');
    await nothing(() => app.releaseHold(holdNo, RALF, 'again'), 'HOLD_RELEASED');
    await nothing(() => app.decide(run, plan.digest, 'approve', 'Somebody Else'), 'APPROVAL_TWICE');
    await nothing(
      () => governed.guard.registerEpoch(epoch.id, Buffer.from(epoch.commitment, 'hex'), null),
      'none',
    );
    const next = await governed.plan({ actor: RITA, rules: ['folder_rule'] });
    await governed.approve(next, ADAM);
    await governed.open(next);
    await nothing(() => governed.open(next), 'none');
    await governed.workLane(next, 1, 1);
    await governed.close(next);
  });

  it('when what was asked for is refused or taken back', async () => {
    const hold = (tx: TransactionSql) => tx`
      select retain_guard.place_hold(${MATTER}, 'litigation', 'x', ${PETRA}, '2030-01-01',
                                     array['folder'], array['7'], '{}', '{}')`;
    await nothing(
      () =>
        asRole(governed.url, 'retain_app', (sql) =>
          sql.begin(async (tx) => {
            await hold(tx);
            throw new Error('taken back');
          }),
        ),
      'Error: taken back',
    );
    await nothing(() => app.releaseHold(999, RALF, 'x'), 'HOLD_UNKNOWN');
    await nothing(
      () => governed.guard.registerEpoch(epoch.id, Buffer.alloc(32), null),
      'EPOCH_KEY_MISMATCH',
    );
  });
});

function saidOf({ document, digest }: Plan) {
  return {
    run: document.run,
    sha256: hex(digest),
    schedule_version: document.schedule.version,
    schedule_sha256: document.schedule.sha256,
    as_of: micros(document.asOf),
    expires_at: micros(document.expiresAt),
    hold_version: String(document.holdVersion),
    steps: document.steps.map((step, index) => ({
      ...{ step: index + 1, class: step.recordClass, rule: step.rule, action: step.action },
      ...{ table: step.tables[0], destroys: step.counts.destroys },
    })),
  };
}

interface CountedBatch {
  readonly step: number;
  readonly lane: number;
  readonly seq: number;
  readonly class: string;
  readonly header: Buffer;
  readonly records: number;
}

/** Out of the sealed bytes alone: what each header says, and the hash of it. */
async function countedIndependently(run: string) {
  const sealed = await governed.sql<{ header: Buffer; refs: Buffer }[]>`
    select header, refs from retain_guard.batch_sealed`;
  const batches = sealed
    .map(({ header, refs }): CountedBatch & { run: string } => {
      const said = JSON.parse(header.subarray(66).toString('utf8')) as CountedBatch & {
        run: string;
      };
      return { ...said, header, records: refs.length / 32 };
    })
    .filter((batch) => batch.run === run)
    .sort((a, b) => a.step - b.step || a.lane - b.lane || a.seq - b.seq);
  const classes: Record<string, { batches: number; records: number }> = {};
  const lanes = new Map<string, object>();
  for (const { step, lane, seq, class: name, header, records } of batches) {
    const before = classes[name] ?? { batches: 0, records: 0 };
    classes[name] = { batches: before.batches + 1, records: before.records + records };
    const last = createHash('sha256').update(header).digest('hex');
    lanes.set(`${step} ${lane}`, { step, lane, seq, last });
  }
  const [left] = await governed.sql<{ held: number }[]>`
    select count(*)::integer as held from folder where closed_on = '2001-01-01' and id in (1, 2, 3)`;
  return {
    ...{ run, outcome: 'completed', batches: batches.length },
    records: batches.reduce((sum, { records }) => sum + records, 0),
    ...{ classes, lanes: [...lanes.values()] },
    ...{ held: left?.held, blocked: 0, changed: 0, gone: 0 },
  };
}
