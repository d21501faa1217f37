import { scheduleInForce } from '../../app/context.ts';
import { openRetain, storesOf } from '../../app/open-retain.ts';
import { scheduleOf } from '../../app/schedule-versions.ts';
import { describeWhen, scheduleWhen } from '../../app/schedule-when.ts';
import { installSchedule, ScheduleRefused, validateSchedule } from '../../app/schedules.ts';
import type { ScheduleFinding } from '../../config/schedule-finding.ts';
import { RetentionError } from '../../domain/errors.ts';
import type { RetentionSchedule } from '../../domain/schedule.ts';
import { EXIT } from '../exit-codes.ts';
import type { InstallOptions, WhenOptions } from '../options.ts';
import { table } from '../output/table.ts';
import { minuteOf } from '../output/times.ts';
import { counted, listed } from '../output/words.ts';
import { findingLines, scheduleFromFile, scheduleText } from '../schedule-source.ts';
import { actor, environment, type Shell, withRetain } from '../shell.ts';

export async function validate(
  shell: Shell,
  file: string,
  options: { readonly offline?: boolean },
): Promise<number> {
  const text = await scheduleText(file);
  const offline = options.offline === true;
  const stores = offline ? { urlOf: () => '' } : storesOf(await environment(shell));
  const { findings, schedule, storesChecked } = await validateSchedule(stores, text, file, {
    offline,
  });
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const warnings = findings.length - errors;
  if (shell.json) {
    shell.data({ file, valid: errors === 0, errors, warnings, storesChecked, findings });
  } else {
    shell.print(
      ...findingLines(shell, file, findings),
      summary(file, schedule, errors, warnings, storesChecked),
    );
  }
  return errors === 0 ? EXIT.ok : EXIT.usage;
}

/** The closing line of a validation. */
export function summary(
  file: string,
  schedule: RetentionSchedule | undefined,
  errors: number,
  warnings: number,
  storesChecked: readonly string[],
): string {
  const warned = warnings === 0 ? '' : `, ${counted(warnings, 'warning')}`;
  if (errors > 0 || !schedule)
    return `${counted(errors, 'error')}${warned}. Nothing was installed.`;
  const rules = counted(Object.keys(schedule.rules).length, 'rule');
  const classes = counted(Object.keys(schedule.recordClasses).length, 'record class');
  const looked =
    storesChecked.length === 0
      ? 'not compared with any database'
      : `fits ${listed(storesChecked.map((store) => `store ${store}`))}`;
  return `${file} is valid: ${rules} over ${classes}, ${looked}${warned}.`;
}

export async function install(
  shell: Shell,
  file: string,
  options: InstallOptions,
): Promise<number> {
  const text = await scheduleText(file);
  const retain = await openForInstall(shell);
  try {
    const installed = await installSchedule(retain, {
      ...{ text, fileName: file, actor: actor(options) },
      allowShorter: options.allowShorter ?? [],
    });
    const { version, sha256, findings } = installed;
    if (shell.json) {
      shell.data({ version, sha256, findings });
      return EXIT.ok;
    }
    shell.print(
      ...findingLines(shell, file, findings),
      `Schedule version ${version} is in force (sha256:${sha256.slice(0, 12)}…).`,
    );
    shell.note('Next: retain store install, then retain run plan');
    return EXIT.ok;
  } catch (error) {
    if (error instanceof ScheduleRefused) printRefused(shell, file, error.findings);
    throw error;
  } finally {
    await retain.end();
  }
}

function printRefused(shell: Shell, file: string, findings: readonly ScheduleFinding[]): void {
  if (shell.json) shell.data({ file, valid: false, findings });
  else shell.print(...findingLines(shell, file, findings));
}

/** The first installation also sets the control database up. */
async function openForInstall(shell: Shell) {
  const env = await environment(shell);
  try {
    return await openRetain(env, { migrate: false });
  } catch (error) {
    const bare =
      error instanceof RetentionError && error.code === 'CONFIG_INVALID' && 'state' in error.facts;
    if (!bare) throw error;
    return openRetain(env, { migrate: true });
  }
}

export function show(shell: Shell, options: { readonly version?: string }): Promise<number> {
  return withRetain(shell, async (retain) => {
    const found =
      options.version === undefined
        ? await scheduleInForce(retain)
        : await scheduleOf(retain, versionNumber(options.version));
    const { version, sha256, installedBy, installedAt, document, schedule } = found;
    if (shell.json) {
      shell.data({ version, sha256, installedBy, installedAt, document });
      return EXIT.ok;
    }
    const at = minuteOf(utc(installedAt), schedule.timezone);
    shell.note(
      `Schedule version ${version}, installed by ${installedBy} on ${at}, sha256:${sha256}`,
    );
    shell.print(document.trimEnd());
    return EXIT.ok;
  });
}

export function history(shell: Shell): Promise<number> {
  return withRetain(shell, async (retain) => {
    const { schedule } = await scheduleInForce(retain);
    const versions = await retain.control.scheduleVersions();
    if (shell.json) {
      shell.data({
        versions: versions.map((entry) => ({ ...entry, installedAt: utc(entry.installedAt) })),
      });
      return EXIT.ok;
    }
    const columns = [
      { title: 'version', align: 'right' as const },
      { title: 'installed' },
      { title: 'by' },
      { title: 'sha256' },
    ];
    const rows = versions.map(({ version, installedAt, installedBy, sha256 }) => [
      ...[String(version), minuteOf(utc(installedAt), schedule.timezone), installedBy],
      sha256.slice(0, 12),
    ]);
    shell.print(...table(columns, rows));
    return EXIT.ok;
  });
}

export async function when(shell: Shell, rule: string, options: WhenOptions): Promise<number> {
  const schedule =
    options.file === undefined
      ? await withRetain(shell, async (retain) => (await scheduleInForce(retain)).schedule)
      : await scheduleFromFile(shell, options.file);
  const answer = scheduleWhen(schedule, rule, options.trigger);
  // Exactly these five fields, for scripts that compare dates.
  if (shell.json) shell.print(JSON.stringify(answer));
  else shell.print(...describeWhen(schedule, answer));
  return EXIT.ok;
}

function versionNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new RetentionError('USAGE', 'A version is a whole number, for example --version 3.');
}

/** The control database answers instants as PostgreSQL prints them. */
function utc(text: string): string {
  return new Date(text).toISOString();
}
