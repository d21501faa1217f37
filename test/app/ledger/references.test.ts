import { afterEach, beforeEach, expect, it } from 'vitest';
import { decodeEntry } from '../../../ledger/entry.ts';
import { type LedgerSite, ledgerSite } from '../../support/ledger-site.ts';

let site: LedgerSite;
beforeEach(async () => {
  site = await ledgerSite();
});
afterEach(() => site.end());

it('names no record and no person in any byte, and two runs of one record cannot be connected', async () => {
  await site.destroySome(3);
  // The same parcels once more: as if they had come back and gone again.
  await site.governed
    .sql`insert into public.parcel select n, '2010-01-01' from generate_series(1, 3) n`;
  const plan = await site.governed.plan();
  await site.governed.carryOut(plan);
  await site.governed.close(plan);
  await site.sequence();
  const references = (await site.entries())
    .map(decodeEntry)
    .flatMap((entry) => (entry.kind === 'record' ? [entry.ref.toString('hex')] : []));
  expect(references).toHaveLength(6);
  expect(new Set(references).size).toBe(6);
});
