/** The record entries behind a batch header: as many as it says, of it, ascending, and those it signed. */
import { createHash, type Hash } from 'node:crypto';
import { HASH_BYTES } from '../hashing.ts';
import type { StatementOf } from '../statements.ts';
import { ascendingRefs } from './ascending-refs.ts';
import type { EntryOffsets } from './entry-offsets.ts';
import type { ReportFinding } from './findings.ts';
import type { SaidOf } from './said.ts';

const RECORD_ENTRY_BYTES = 66;
const VERSION = 0x01;
const RECORD_KIND = 0x02;
const HEADER_AT = 2;
const REF_AT = HEADER_AT + HASH_BYTES;

/** A batch whose records are being read. */
interface Reading {
  readonly header: StatementOf<'batch'>;
  readonly index: number;
  readonly headerSha256: Buffer;
  readonly items: Hash;
  /** How many records have not come yet. */
  left: number;
  /** Each false from the first record on that breaks it: one finding is enough. */
  ascending: boolean;
  own: boolean;
}

export interface BatchRecords {
  /** A header: its records come next. */
  begin(said: SaidOf<'batch'>): void;
  /**
   * Takes records from entry `from` of a bundle on, and answers which entry is the next that is none.
   * `first` is the index of the bundle's first entry.
   */
  take(bytes: Buffer, offsets: EntryOffsets, from: number, first: number): number;
  /** Something else than a record follows, or the log ends. */
  end(): void;
  /** Records seen, of whatever batch. */
  readonly records: number;
}

/** True for what claims to be a record, whatever its length. */
export function isRecord(bytes: Buffer, start: number, end: number): boolean {
  return end - start >= HEADER_AT && bytes[start] === VERSION && bytes[start + 1] === RECORD_KIND;
}

export function batchRecords(report: ReportFinding): BatchRecords {
  const refs = ascendingRefs();
  let batch: Reading | undefined;
  let records = 0;
  let stray = false;

  function finish(read: Reading): void {
    batch = undefined;
    refs.drainInto(read.items);
    if (read.own && read.items.digest('hex') !== read.header.items.sha256) {
      report('E_ITEMS', 'The records of a batch are not those that its header signed.', of(read));
    }
  }

  function takeOne(bytes: Buffer, start: number, end: number, index: number): void {
    if (batch === undefined) {
      if (!stray) report('E_RECORD', 'A record follows no batch header that counts it.', { index });
      stray = true;
      return;
    }
    if (end - start !== RECORD_ENTRY_BYTES || !isOf(batch.headerSha256, bytes, start)) {
      if (batch.own) {
        report('E_RECORD', 'A record stands in a batch and is not of it.', of(batch, index));
      }
      batch.own = false;
    } else if (!refs.append(bytes, start + REF_AT) && batch.ascending) {
      report('E_ORDER', 'The records of a batch do not ascend.', of(batch, index));
      batch.ascending = false;
    }
    batch.left -= 1;
    if (batch.left === 0) finish(batch);
  }

  return {
    get records() {
      return records;
    },
    begin(said) {
      refs.restart();
      stray = false;
      batch = reading(said);
    },
    take(bytes, { count, starts, ends }, from, first) {
      let at = from;
      for (; at < count; at += 1) {
        const [start, end] = [starts[at] ?? 0, ends[at] ?? 0];
        if (!isRecord(bytes, start, end)) break;
        takeOne(bytes, start, end, first + at);
      }
      records += at - from;
      if (batch !== undefined) refs.drainInto(batch.items);
      return at;
    },
    end() {
      stray = false;
      if (batch === undefined) return;
      const { count } = batch.header.items;
      report('E_SHORT', `A batch has ${count - batch.left} of its ${count} records.`, of(batch));
      batch = undefined;
    },
  };
}

function reading({ statement, index, sha256 }: SaidOf<'batch'>): Reading {
  return {
    ...{ header: statement, index, headerSha256: Buffer.from(sha256, 'hex') },
    ...{ items: createHash('sha256'), left: statement.items.count, ascending: true, own: true },
  };
}

function of({ header, index }: Reading, at = index): { index: number; run: string; batch: string } {
  return { index: at, run: header.run, batch: header.batch };
}

function isOf(headerSha256: Buffer, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < HASH_BYTES; i += 1) {
    if (bytes[start + HEADER_AT + i] !== headerSha256[i]) return false;
  }
  return true;
}
