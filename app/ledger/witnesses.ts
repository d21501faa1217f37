/** Collecting the cosignatures that a policy asks for, from witnesses of whom some may be down. */
import { type Policy, type PolicyKey, quorumMet } from '../../ledger/policy.ts';
import { proveConsistency } from '../../ledger/proofs.ts';
import type { LogReader } from './log-reader.ts';
import type { Outages } from './outages.ts';
import { cosignatures } from './witness-client.ts';

/** What came of one head so far. */
export interface Collected {
  note: string;
  /** Who cosigned it, by their names in the policy. */
  readonly cosigners: Set<string>;
  /** Whether they are enough. */
  quorum: boolean;
}

export interface Witnesses {
  begin(note: string): Collected;
  /** Whether somebody who has not cosigned it may be asked now. */
  mayAsk(collected: Collected): boolean;
  /** Asks everybody who has not cosigned it and may be asked. Throws what `reader` throws. */
  ask(collected: Collected, reader: LogReader): Promise<void>;
}

/** Without a policy the quorum is met by nobody. */
export function witnessesOf(policy: Policy | undefined, outages: Outages): Witnesses {
  const known = new Map<string, number>();

  function askable({ cosigners }: Collected): [string, PolicyKey][] {
    return [...(policy?.witnesses ?? [])].filter(
      ([name, { url }]) =>
        url !== undefined && !cosigners.has(name) && outages.mayAsk(placeOf(name)),
    );
  }

  return {
    begin: (note) => ({ note, cosigners: new Set(), quorum: policy === undefined }),
    mayAsk: (collected) => askable(collected).length > 0,
    async ask(collected, reader) {
      if (policy === undefined) return;
      const { note, witnesses } = await cosignatures(
        { witnesses: new Map(askable(collected)) },
        collected.note,
        (name) => known.get(name) ?? 0,
        (oldSize, size) => proveConsistency(reader.tile, oldSize, size),
      );
      collected.note = note;
      for (const { name, state, size } of witnesses) {
        if (size !== undefined) known.set(name, size);
        if (state === 'cosigned') {
          collected.cosigners.add(name);
          outages.worked(placeOf(name));
        } else outages.failed(placeOf(name), state);
      }
      collected.quorum = quorumMet(policy, collected.cosigners);
      if (collected.quorum) outages.worked('witnesses');
      else outages.failed('witnesses', 'quorum');
    },
  };
}

function placeOf(witness: string): string {
  return `witness ${witness}`;
}
