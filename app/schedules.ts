/** Validating, installing and reading schedule versions. */
import { parseSchedule, scheduleSha256 } from '../config/schedule-file.ts';
import type { ScheduleFinding } from '../config/schedule-finding.ts';
import type { InstalledSchedule } from '../db/client.ts';
import { RetentionError } from '../domain/errors.ts';
import type { RetentionSchedule } from '../domain/schedule.ts';
import { shorterThan } from '../domain/shorter.ts';
import type { StoreConnection } from '../stores/postgres/connection.ts';
import { guardApp } from '../stores/postgres/guard-app.ts';
import { actorNamed, type Retain, withStore } from './context.ts';
import { refuseLostHolds } from './hold-reach.ts';
import { requireLedgerInStep } from './ledger/in-step.ts';
import { matchLiveStore } from './match-store.ts';

export interface Validation {
  readonly findings: readonly ScheduleFinding[];
  readonly schedule?: RetentionSchedule;
  /** Stores whose live catalogue was looked at. */
  readonly storesChecked: readonly string[];
}

/**
 * All five layers: syntax, shape, meaning, the live databases (unless `offline`), and the tests in the
 * file. Answers every finding at once, in the order of the file. Changes nothing.
 */
export async function validateSchedule(
  retain: Pick<Retain, 'urlOf'>,
  text: string,
  fileName: string,
  options: { readonly offline: boolean },
): Promise<Validation> {
  const parsed = parseSchedule(text, fileName);
  const { schedule } = parsed;
  if (!schedule || options.offline)
    return { findings: parsed.findings, ...(schedule ? { schedule } : {}), storesChecked: [] };
  const findings = [...parsed.findings];
  for (const store of Object.values(schedule.stores)) {
    const matched = await withStore(retain, store, 'admin', (connection) =>
      matchLiveStore(connection, schedule),
    );
    for (const { path, severity, code, message } of matched.findings) {
      findings.push({ ...parsed.locate(path), severity, code, path: path.join('.'), message });
    }
  }
  findings.sort((a, b) => a.line - b.line || a.col - b.col);
  return { findings, schedule, storesChecked: Object.keys(schedule.stores) };
}

export interface InstallRequest {
  readonly text: string;
  readonly fileName: string;
  readonly actor: string;
  /** Rules whose period may become shorter than in the installed version. */
  readonly allowShorter: readonly string[];
}

/**
 * Makes a valid schedule the one in force, as the next version; the same bytes again are the same
 * version. A rule that would free records earlier than the installed version is refused
 * (`PERIOD_SHORTENED`) unless it is named in `allowShorter`. Throws `LEDGER_BEHIND` while the control
 * database is known to be a restored one.
 */
export async function installSchedule(
  retain: Retain,
  request: InstallRequest,
): Promise<{ version: number; sha256: string; findings: readonly ScheduleFinding[] }> {
  const actor = actorNamed(request.actor);
  const { findings, schedule } = await validateSchedule(retain, request.text, request.fileName, {
    offline: false,
  });
  if (!schedule || findings.some((finding) => finding.severity === 'error')) {
    throw new ScheduleRefused(findings);
  }
  const sha256 = scheduleSha256(request.text);
  const installed = await retain.control.latestSchedule();
  if (installed?.sha256 === sha256) {
    // The first attempt may have been cut off before the stores heard of it.
    await eachGuard(retain, schedule, (one) => guardApp(one).adoptSchedule(installed.version));
    return { version: installed.version, sha256, findings };
  }
  if (installed) refuseShorter(schedule, installed, request.allowShorter);
  await refuseWhileBehind(retain);
  await eachGuard(retain, schedule, (connection) => refuseLostHolds(retain, connection, schedule));
  const version = await retain.control.addSchedule({
    sha256,
    document: request.text,
    installedBy: actor,
  });
  await eachGuard(retain, schedule, (connection) => guardApp(connection).adoptSchedule(version));
  return { version, sha256, findings };
}

/** A control database that was restored would give a version a number that the ledger has for another. */
async function refuseWhileBehind({ control, ledgerSigner }: Retain): Promise<void> {
  if ((await control.ledger.head()) === undefined) return;
  try {
    await requireLedgerInStep(control.ledger, ledgerSigner);
  } catch (error) {
    // Whoever installs schedules need not hold the keys; then nobody here can know.
    if (!(error instanceof RetentionError) || error.code !== 'LEDGER_KEY_MISSING') throw error;
  }
}

/** Stores whose guard is not installed yet hold nothing and run nothing. */
async function eachGuard(
  retain: Retain,
  schedule: RetentionSchedule,
  work: (connection: StoreConnection) => Promise<void>,
): Promise<void> {
  for (const store of Object.values(schedule.stores)) {
    try {
      await withStore(retain, store, 'retain_app', work);
    } catch (error) {
      if (!(error instanceof RetentionError) || !NO_GUARD_YET.includes(error.code)) throw error;
    }
  }
}

const NO_GUARD_YET: readonly string[] = ['GUARD_MISSING', 'RIGHTS_MISSING'];

/** A schedule with errors; the findings say where. */
export class ScheduleRefused extends RetentionError {
  readonly findings: readonly ScheduleFinding[];

  constructor(findings: readonly ScheduleFinding[]) {
    const errors = findings.filter((finding) => finding.severity === 'error').length;
    super(
      'SCHEDULE_INVALID',
      `${errors} ${errors === 1 ? 'error' : 'errors'}. Nothing was installed.`,
      { errors },
    );
    this.findings = findings;
  }
}

function refuseShorter(
  next: RetentionSchedule,
  installed: InstalledSchedule,
  allowed: readonly string[],
): void {
  const before = parseSchedule(installed.document, 'installed').schedule;
  if (!before) {
    throw new RetentionError(
      'SCHEDULE_INVALID',
      `Version ${installed.version} in force was written for another version of Retain, so nobody can tell whether this one is shorter.`,
      { version: installed.version },
    );
  }
  const refused = shorterThan(next, before).filter(({ rule }) => !allowed.includes(rule));
  const [first] = refused;
  if (!first) return;
  const flags = refused.map(({ rule }) => `--allow-shorter ${rule}`).join(' ');
  throw new RetentionError(
    'PERIOD_SHORTENED',
    `Rule ${first.rule} would free records earlier than version ${installed.version}: ${first.from} becomes ${first.to}. If that is meant, say so: ${flags}`,
    { rules: refused.length },
  );
}
