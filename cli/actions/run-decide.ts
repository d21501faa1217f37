import { runNamed } from '../../app/context.ts';
import { applyRun, controlRun, decideRun } from '../../app/run-commands.ts';
import { type ShownRun, showRun } from '../../app/runs.ts';
import type { TemporalLink } from '../../app/temporal-client.ts';
import { RetentionError } from '../../domain/errors.ts';
import { totalDestroys } from '../../domain/plan.ts';
import { EXIT } from '../exit-codes.ts';
import type { ControlOptions, DecideOptions } from '../options.ts';
import { approvalSentence, planTable } from '../output/plan.ts';
import { actor, openTemporal, type Shell, withRetain, withTemporal } from '../shell.ts';
import { watch } from './run-watch.ts';

export function approve(shell: Shell, id: string, options: DecideOptions): Promise<number> {
  if (options.yes === true) {
    throw new RetentionError(
      'CONFIRMATION_MISSING',
      'An approval names what it approves: --confirm with the full digest of the plan, not --yes.',
    );
  }
  const who = actor(options);
  return withRetain(shell, async (retain) => {
    const entry = await runNamed(retain, id);
    const shown = await showRun(retain, entry);
    if (totalDestroys(shown.document.steps) === 0) {
      throw new RetentionError(
        'PLAN_EMPTY',
        'This plan would destroy nothing, so there is nothing to approve.',
      );
    }
    const digest = options.confirm ?? (await confirmedByHand(shell, shown));
    const { decidedAt } = await withTemporal(shell, ({ client }) =>
      decideRun(retain, client, entry, 'approve', { actor: who, digest }),
    );
    if (shell.json)
      shell.data({ run: entry.runId, decision: 'approve', decidedBy: who, decidedAt, digest });
    else
      shell.print(
        `Approved by ${who}. Digest ${digest.slice(0, 13)}… Next: retain run apply ${entry.runId.slice(0, 4)}`,
      );
    return EXIT.ok;
  });
}

/** A person types what they saw: the plan and how many records it takes. Answers the digest. */
async function confirmedByHand(shell: Shell, shown: ShownRun): Promise<string> {
  const { document, entry } = shown;
  if (!shell.interactive) {
    throw new RetentionError(
      'CONFIRMATION_MISSING',
      `Nobody can be asked here. Read the plan, then: retain run approve ${entry.runId.slice(0, 4)} --confirm DIGEST`,
    );
  }
  const phrase = `${entry.runId.slice(0, 4)} ${totalDestroys(document.steps)}`;
  shell.note(
    shell.paint.bold(
      `${document.organisation} · ${document.store} · database ${document.database}`,
    ),
    ...planTable(document),
    approvalSentence(document),
  );
  const answer = await shell.ask(
    `Type the plan's short id and the number of records: ${phrase}\n> `,
  );
  if (answer.replace(/[\s,]+/g, ' ') !== phrase) {
    throw new RetentionError('DECLINED', 'That is not what was asked for. Nothing was approved.');
  }
  return entry.digest;
}

export function rejectPlan(shell: Shell, id: string, options: DecideOptions): Promise<number> {
  const who = actor(options);
  return withRetain(shell, async (retain) => {
    const entry = await runNamed(retain, id);
    const asked = { actor: who, digest: entry.digest };
    const { decidedAt } = await withTemporal(shell, ({ client }) =>
      decideRun(retain, client, entry, 'reject', asked),
    );
    if (shell.json) shell.data({ run: entry.runId, decision: 'reject', decidedBy: who, decidedAt });
    else shell.print(`Rejected by ${who}. Nothing of this plan will be destroyed.`);
    return EXIT.ok;
  });
}

export async function applyPlan(
  shell: Shell,
  id: string,
  options: { readonly as?: string; readonly watch?: boolean },
): Promise<number> {
  const who = actor(options);
  const run = await withRetain(shell, async (retain) => {
    const entry = await runNamed(retain, id);
    const { steps } = await withTemporal(shell, ({ client }) =>
      applyRun(retain, client, entry, who),
    );
    const short = entry.runId.slice(0, 4);
    if (options.watch === true) shell.note(`Run ${short} has begun: ${steps} steps.`);
    else if (shell.json) shell.data({ run: entry.runId, openedBy: who, steps });
    else shell.print(`Run ${short} has begun: ${steps} steps. Next: retain run watch ${short}`);
    return entry.runId;
  });
  return options.watch === true ? watch(shell, run) : EXIT.ok;
}

const DONE = {
  pause: 'is paused: no further batch begins',
  run: 'goes on',
  stop: 'is stopped for good: no further batch begins',
} as const;

export function steer(
  shell: Shell,
  id: string,
  control: 'pause' | 'run' | 'stop',
  options: ControlOptions,
): Promise<number> {
  const who = actor(options);
  return withRetain(shell, async (retain) => {
    const entry = await runNamed(retain, id);
    let link: TemporalLink | undefined;
    const connect = async () => {
      link = await openTemporal(shell);
      return link.client;
    };
    try {
      const asked = { actor: who, reason: options.because };
      const { throughTemporal } = await controlRun(retain, connect, entry, control, asked);
      if (shell.json) {
        shell.data({ run: entry.runId, control, by: who, throughTemporal });
        return EXIT.ok;
      }
      if (!throughTemporal)
        shell.note('Temporal or its worker did not answer, so the store itself was told.');
      shell.print(`Run ${entry.runId.slice(0, 4)} ${DONE[control]}.`);
      return EXIT.ok;
    } finally {
      await link?.close();
    }
  });
}
