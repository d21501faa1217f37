/** Looks again and again at what is published and remembered, and keeps whatever it ever saw. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Head, headOfNote, rememberedHeads } from './ledger-evidence.ts';

export interface LedgerWatch {
  /** Of the published checkpoints, and of those that the signer remembered. */
  heads(): Head[];
  /** Different checkpoints that were published. */
  readonly published: () => number;
  /** How often a smaller checkpoint took the place of a larger one. */
  readonly shrunk: () => number;
  stop(): void;
}

const LOOK_MS = 5;

export function watchLedger(dir: string, keyDir: string): LedgerWatch {
  const checkpoint = join(dir, 'checkpoint');
  const notes = new Map<string, Head>();
  const remembered = new Map<string, Head>();
  let shrunk = 0;
  let size = 0;
  const look = (): void => {
    for (const head of rememberedHeads(keyDir)) {
      remembered.set(`${head.size} ${head.root.toString('hex')}`, head);
    }
    if (!existsSync(checkpoint)) return;
    const note = readFileSync(checkpoint);
    const head = headOfNote(note);
    if (head.size < size) shrunk += 1;
    size = head.size;
    notes.set(note.toString('base64'), head);
  };
  const looking = setInterval(look, LOOK_MS);
  return {
    heads: () => [...notes.values(), ...remembered.values()],
    published: () => notes.size,
    shrunk: () => shrunk,
    stop: () => {
      clearInterval(looking);
      look();
    },
  };
}
