/** Keys that are nobody's, notes that are real, and one good body for every kind of signed entry. */

import { signingKey } from '../../ledger/ed25519.ts';
import type { JsonObject, SignedKind } from '../../ledger/entry.ts';
import { formatVkey, NOTE_SIGNATURE } from '../../ledger/note-key.ts';

export const admin = signingKey('admin', Buffer.alloc(32, 1));
export const worker = signingKey('worker', Buffer.alloc(32, 2));
export const log = signingKey('log', Buffer.alloc(32, 3));
/** Keys of three witnesses; their role plays no part. */
export const witnesses = [4, 5, 6].map((byte) => signingKey('log', Buffer.alloc(32, byte)));

export const ORIGIN = 'retain.example.com/housing';
export const LOG_VKEY = formatVkey(ORIGIN, log.publicKey, NOTE_SIGNATURE.ed25519);

/** A log with a witness whose key is not known here. */
export const LAB = {
  vkey: 'retain.example.com/acme/disposal-1+c6fd08b9+AZNd3DATSDlSeFjHrJ1RiSiUgUohV7S6Fy62cC1HyaML',
  note: `retain.example.com/acme/disposal-1
29419
KczHWRuPbNX0MACf2tM1dR7W/dWsuiXuCpWuLxZNkjw=

— retain.example.com/acme/disposal-1 xv0IuWM5PXYa9uFu0dXMNagFvsALci5xeO4kEx6j3Qybdo8cmtPxCMCxdxT+2AOhmxiakcjSMrVMWqwYJQmjdso13QQ=
— witness.auditor.example/w1 Wkl5iwAAAABrAcy8u3r9AaPV5N7K8yatucxopZ2hbC6U3sythEk9a33/nJocxR08F1Q4VQsMlk+jKeYTk3MITx5S+M/bDZRCgpfLAA==
`,
};

/** A certificate transparency log: its first signature is of a type that is unknown here. */
export const PUBLIC = {
  origin: 'arche2025h1.staging.ct.transparency.dev',
  log: 'arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f',
  witnesses: {
    garden:
      'transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM',
    smartit: 'witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO',
    remora: 'remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2',
    stagemole: 'witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv',
  },
  note: `arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
`,
};

export const RUN = '018f2b6e-7c3a-7d10-9a55-0123456789ab';
const hash = (byte: string) => byte.repeat(32);
const NONE = hash('00');

const byAdmin = { v: 1, signed_by: admin.name };
const told = {
  v: 1,
  source: 'store:housing',
  n: 1,
  prev: NONE,
  at: '2026-11-21T18:23:28.394504Z',
  signed_by: worker.name,
};

export const BODIES: { readonly [K in SignedKind]: JsonObject } = {
  genesis: {
    ...byAdmin,
    kind: 'genesis',
    origin: ORIGIN,
    created_at: '2026-11-21T18:00:00Z',
    log_vkey: LOG_VKEY,
    keys: [
      { role: 'admin', name: admin.name, public_key: admin.publicKey.toString('base64') },
      { role: 'worker', name: worker.name, public_key: worker.publicKey.toString('base64') },
    ],
  },
  batch: {
    v: 1,
    kind: 'batch',
    store: 'housing',
    batch: '9bf26d7a-5daf-4f86-8179-d5682c1540d1',
    run: RUN,
    step: 1,
    lane: 0,
    seq: 2,
    prev: hash('cd'),
    class: 'tenant',
    action: 'delete',
    table: '"public"."tenant"',
    parts: { '"public"."note"': 31 },
    rule: { id: 'tenant_6_years', version: 7, sha256: hash('11') },
    approval: { id: RUN, sha256: hash('ab') },
    schema_sha256: hash('22'),
    executed_at: '2026-11-21T18:23:28.394504Z',
    txid: '48245',
    holds: { checked: true, version: '100' },
    items: { count: 3, len: 32, order: 'asc', sha256: hash('5c') },
    key_epoch: 'tenant/2026Q4',
    worker: worker.name,
    recovered: false,
  },
  'run.open': { ...told, kind: 'run.open', run: RUN, sha256: hash('ab'), opened_by: hash('0a') },
  'run.close': {
    ...told,
    kind: 'run.close',
    run: RUN,
    outcome: 'completed',
    batches: 2,
    records: 5,
    classes: { tenant: { batches: 2, records: 5 } },
    lanes: [{ step: 1, lane: 0, seq: 2, last: hash('ef') }],
    held: 1,
    blocked: 0,
    changed: 0,
    gone: 0,
  },
  'rule.version': {
    ...told,
    kind: 'rule.version',
    source: 'control',
    version: 7,
    sha256: hash('11'),
    installed_by: hash('0a'),
  },
  approval: {
    ...told,
    kind: 'approval',
    run: RUN,
    sha256: hash('ab'),
    decision: 'approve',
    requested_by: hash('0a'),
    decided_by: hash('0b'),
  },
  plan: {
    ...told,
    kind: 'plan',
    run: RUN,
    sha256: hash('ab'),
    schedule_version: 7,
    schedule_sha256: hash('11'),
    as_of: '2026-11-21T00:00:00Z',
    expires_at: '2026-11-28T18:23:28.394504Z',
    hold_version: '100',
    requested_by: hash('0a'),
    steps: [
      {
        step: 1,
        class: 'tenant',
        rule: 'tenant_6_years',
        action: 'delete',
        table: '"public"."tenant"',
        destroys: 5,
      },
    ],
  },
  'hold.place': {
    ...told,
    kind: 'hold.place',
    hold: 3,
    version: '100',
    matter: hash('0c'),
    reason: 'litigation',
    placed_at: '2026-11-21T18:23:28.394504Z',
    effective_at: '2026-11-21T18:23:28.394999Z',
    review_on: '2027-11-21',
    placed_by: hash('0a'),
    classes: { tenant: 2 },
    subjects: { person: 1 },
  },
  'hold.release': {
    ...told,
    kind: 'hold.release',
    hold: 3,
    version: '101',
    released_at: '2026-11-22T18:23:28.394504Z',
    released_by: hash('0a'),
  },
  'hold.freeze': {
    ...told,
    kind: 'hold.freeze',
    hold: 3,
    frozen_at: '2026-11-21T18:23:28.395101Z',
  },
  'epoch.open': {
    ...told,
    kind: 'epoch.open',
    epoch: 'tenant/2026Q4',
    commitment: hash('cb'),
    destroy_after: '2034-01-01',
  },
  'epoch.destroy': {
    ...told,
    kind: 'epoch.destroy',
    source: 'control',
    n: 2,
    prev: hash('de'),
    epoch: 'tenant/2026Q4',
    commitment: hash('cb'),
  },
  key: {
    ...byAdmin,
    kind: 'key',
    role: 'worker',
    name: worker.name,
    public_key: worker.publicKey.toString('base64'),
    state: 'revoked',
    at: '2026-11-21T18:23:28.394504Z',
  },
  replay: {
    ...byAdmin,
    kind: 'replay',
    size_before: 10,
    size_after: 17,
    root_after: hash('ff'),
    sources: { 'store:housing': 12, control: 3 },
    lost: { 'store:housing': { after: 10, batches: { count: 1, sha256: hash('0d') } } },
    runs_abandoned: [RUN],
    at: '2026-11-21T18:23:28.394504Z',
  },
  'guard.install': { ...told, kind: 'guard.install', guard_version: 2 },
  'guard.remove': { ...told, kind: 'guard.remove', guard_version: 2 },
};

export const KINDS = Object.keys(BODIES) as SignedKind[];

/** The statement about the key of the log, which has another shape than those about other keys. */
export const LOG_KEY_BODY: JsonObject = {
  ...byAdmin,
  kind: 'key',
  role: 'log',
  name: log.name,
  vkey: LOG_VKEY,
  state: 'active',
  at: '2026-11-21T18:23:28.394504Z',
};
