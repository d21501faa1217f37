/** What an auditor does with the ledger, and what happens when somebody changes one byte of it. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Retain } from './retain.ts';
import { say } from './say.ts';

/** `retain log verify --help`: an entry is not the one under the signed root. */
const NOT_INCLUDED = 12;

/** Exports, verifies (and compares the databases with it), changes one byte of one destroyed record in a copy, verifies that. */
export async function audit(retain: Retain, folder: string): Promise<boolean> {
  const [dir, forged] = [join(folder, 'audit'), join(folder, 'audit-forged')];
  await retain(['log', 'export', '--to', dir]);
  const verify = (log: string) =>
    ['log', 'verify', '--dir', log, '--policy', join(log, 'policy.txt'), '--no-save'] as const;
  const honest = await retain([...verify(dir), '--database']);

  say("\nSomebody with a copy of the folder changes one byte of one record's entry:");
  cpSync(dir, forged, { recursive: true });
  flipLastByte(join(forged, 'tile', 'entries'));
  const found = await retain(verify(forged), { expect: NOT_INCLUDED });
  return honest.includes('both ways') && found.includes('NOT VERIFIED');
}

/** Of the first bundle: 256 entries, the last of them a destroyed record. */
function flipLastByte(entries: string): void {
  const [first] = readdirSync(entries, { withFileTypes: true }).filter((file) => file.isFile());
  if (first === undefined) throw new Error('there is no full bundle: generate more records');
  const path = join(entries, first.name);
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(path, bytes);
}
