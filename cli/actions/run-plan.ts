import { runNamed } from '../../app/context.ts';
import type { PlanRequest } from '../../app/plan-run.ts';
import { planAndStart } from '../../app/run-commands.ts';
import { listRuns, runStatements, type ShownRun, showRun, unlinkedTables } from '../../app/runs.ts';
import { RetentionError } from '../../domain/errors.ts';
import { parseInstant } from '../../domain/instant.ts';
import { shortPlanId } from '../../domain/plan.ts';
import { wholeNumber } from '../arguments.ts';
import { EXIT } from '../exit-codes.ts';
import type { PlanOptions } from '../options.ts';
import { planLines } from '../output/plan.ts';
import { runLines, statementLines } from '../output/run.ts';
import { table } from '../output/table.ts';
import { actor, type Shell, withRetain, withTemporal } from '../shell.ts';

/** Temporal is asked first: when it is down nothing is planned. */
export function plan(shell: Shell, options: PlanOptions): Promise<number> {
  const request = planRequest(shell, options);
  return withTemporal(shell, ({ client }) =>
    withRetain(shell, async (retain) => {
      const { document, digest, entry, destroys } = await planAndStart(retain, client, request);
      if (shell.json) {
        shell.data({
          run: entry.runId,
          plan: shortPlanId(entry.runId, digest),
          digest,
          destroys,
          document,
        });
      } else {
        shell.print(
          ...planLines({ document, digest, unlinked: await unlinkedTables(retain, entry) }),
        );
      }
      return EXIT.ok;
    }),
  );
}

function planRequest(shell: Shell, options: PlanOptions): PlanRequest {
  if (options.asOf !== undefined && parseInstant(options.asOf) === undefined) {
    throw new RetentionError(
      'USAGE',
      '--as-of takes an RFC 3339 instant with Z or an offset, such as 2026-11-21T23:10:00Z.',
    );
  }
  return {
    actor: actor(options),
    ...(options.store !== undefined && { store: options.store }),
    ...(options.asOf !== undefined && { asOf: options.asOf }),
    ...(options.rule !== undefined && { rules: options.rule }),
    ...(options.lanes !== undefined && { lanes: wholeNumber('--lanes', options.lanes) }),
    ...(shell.interactive && {
      onStep: (done: number, of: number) => shell.note(`counted ${done} of ${of} rules`),
    }),
  };
}

export function list(shell: Shell, options: { readonly limit: string }): Promise<number> {
  return withRetain(shell, async (retain) => {
    const runs = await listRuns(retain, wholeNumber('--limit', options.limit));
    if (shell.json) {
      shell.data({ runs });
      return EXIT.ok;
    }
    const columns = ['run', 'status', 'store', 'schedule', 'requested by', 'planned'].map(
      (title) => ({ title }),
    );
    const rows = runs.map((run) => [
      ...[shortPlanId(run.runId, run.digest), run.status, run.store],
      ...[
        `version ${run.scheduleVersion}`,
        run.requestedBy,
        `${new Date(run.createdAt).toISOString().slice(0, 16)}Z`,
      ],
    ]);
    if (rows.length === 0) shell.note('No run has been planned. Next: retain run plan');
    else shell.print(...table(columns, rows));
    return EXIT.ok;
  });
}

export function show(
  shell: Shell,
  id: string,
  options: { readonly sql?: boolean },
): Promise<number> {
  return withRetain(shell, async (retain) => {
    const entry = await runNamed(retain, id);
    if (options.sql === true) {
      const steps = await runStatements(retain, entry);
      if (shell.json) shell.data({ run: entry.runId, digest: entry.digest, steps });
      else shell.print(...statementLines(entry.digest, steps));
      return EXIT.ok;
    }
    const shown: ShownRun = await showRun(retain, entry);
    if (shell.json) {
      const { document, state, totals } = shown;
      shell.data({
        run: entry.runId,
        plan: shortPlanId(entry.runId, entry.digest),
        digest: entry.digest,
        status: state.status,
        state,
        totals,
        document,
      });
    } else {
      shell.print(...runLines(shown, await unlinkedTables(retain, entry)));
    }
    return EXIT.ok;
  });
}
