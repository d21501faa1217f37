import { scheduleInForce } from '../../app/context.ts';
import { listHolds, receiptOf, releaseHold } from '../../app/holds.ts';
import { listMatters, openMatter } from '../../app/matters.ts';
import { placeHold } from '../../app/place-hold.ts';
import { namedKey, namedSubject } from '../arguments.ts';
import { EXIT } from '../exit-codes.ts';
import type { PlaceOptions } from '../options.ts';
import { holdTable, receiptLines } from '../output/hold.ts';
import { table } from '../output/table.ts';
import { momentOf } from '../output/times.ts';
import { actor, type Shell, withRetain } from '../shell.ts';

export function place(shell: Shell, options: PlaceOptions): Promise<number> {
  const request = {
    ...{ matter: options.matter, reason: options.reason, because: options.because },
    ...{ reviewOn: options.review, actor: actor(options) },
    keys: (options.key ?? []).map(namedKey),
    subjects: (options.subject ?? []).map(namedSubject),
    ...(options.openMatter !== undefined && { openMatterTitle: options.openMatter }),
  };
  return withRetain(shell, async (retain) => {
    const receipts = await placeHold(retain, request);
    const [first] = receipts;
    if (shell.json) {
      shell.data(receipts.length === 1 ? { ...first } : { holds: receipts });
      return EXIT.ok;
    }
    for (const one of receipts) {
      shell.print(...receiptLines(one), `Receipt: retain hold receipt ${one.hold}`);
    }
    return EXIT.ok;
  });
}

export function list(shell: Shell, options: { readonly matter?: string }): Promise<number> {
  return withRetain(shell, async (retain) => {
    const holds = await listHolds(retain, options.matter);
    const { schedule } = await scheduleInForce(retain);
    if (shell.json) shell.data({ holds: holds.map(asData) });
    else if (holds.length === 0) shell.note('No hold has been placed.');
    else shell.print(...holdTable(holds, schedule.timezone));
    return EXIT.ok;
  });
}

function asData(hold: Awaited<ReturnType<typeof listHolds>>[number]): Record<string, unknown> {
  return {
    ...{ hold: hold.hold, store: hold.store, matter: hold.matter_id, reason: hold.reason },
    ...{ because: hold.because, placedBy: hold.placed_by, placedAt: hold.placed_at },
    ...{ effectiveAt: hold.effective_at, frozenAt: hold.frozen_at, reviewOn: hold.review_on },
    ...{ releasedAt: hold.released_at, releasedBy: hold.released_by },
    keys: hold.keys.map(({ record_class, key_text }) => ({
      recordClass: record_class,
      key: key_text,
    })),
    subjects: hold.subjects.map(({ subject_kind, subject }) => ({
      kind: subject_kind,
      id: subject,
    })),
  };
}

export function receipt(shell: Shell, id: string): Promise<number> {
  return withRetain(shell, async (retain) => {
    const found = await receiptOf(retain, id);
    if (shell.json) shell.data({ ...found });
    else shell.print(...receiptLines(found));
    return EXIT.ok;
  });
}

export function release(
  shell: Shell,
  id: string,
  options: { readonly as?: string; readonly because: string },
): Promise<number> {
  return withRetain(shell, async (retain) => {
    const asked = { actor: actor(options), because: options.because };
    const { hold, matter, releasedAt, zone } = await releaseHold(retain, id, asked);
    if (shell.json) shell.data({ hold, matter, releasedAt, releasedBy: asked.actor });
    else {
      shell.print(
        `Hold ${hold} on matter ${matter} was released ${momentOf(releasedAt, zone)}.`,
        'Records under another hold stay held; the others can go in a plan made from now on.',
      );
    }
    return EXIT.ok;
  });
}

export function openMatterNamed(
  shell: Shell,
  matter: string,
  options: { readonly as?: string; readonly title: string },
): Promise<number> {
  return withRetain(shell, async (retain) => {
    await openMatter(retain, { matter, title: options.title, actor: actor(options) });
    if (shell.json) shell.data({ matter });
    else shell.print(`Matter ${matter} is open. Next: retain hold place --matter ${matter} ...`);
    return EXIT.ok;
  });
}

export function matters(shell: Shell): Promise<number> {
  return withRetain(shell, async (retain) => {
    const found = await listMatters(retain);
    const { schedule } = await scheduleInForce(retain);
    if (shell.json) {
      shell.data({ matters: found });
      return EXIT.ok;
    }
    const columns = ['matter', 'title', 'holds in force', 'opened', 'by'].map((title) => ({
      title,
    }));
    const rows = found.map((one) => [
      ...[one.matter, one.title, String(one.holdsInForce)],
      ...[momentOf(one.openedAt, schedule.timezone).slice(0, -7), one.openedBy],
    ]);
    if (rows.length === 0) shell.note('No matter is open.');
    else shell.print(...table(columns, rows));
    return EXIT.ok;
  });
}
