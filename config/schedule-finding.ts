/** What can be wrong with a schedule file, and how it is told. */

/** Every finding's code and what it means. A code never changes its meaning. */
export const SCHEDULE_FINDING_CODES = {
  // layer 1: the file
  FILE_EMPTY: 'The file holds no schedule.',
  FILE_TOO_LARGE: 'The file is larger than 1 MiB.',
  FILE_NOT_UTF8: 'The file is not UTF-8 text.',
  FILE_TOO_DEEP: 'The file nests deeper than any schedule.',
  YAML_MALFORMED: 'The file is not well-formed YAML.',
  YAML_FEATURE_REFUSED:
    'Anchors, aliases, merge keys, tags, directives and several documents are refused: what you read is what runs.',
  KEY_DOUBLED: 'One mapping has the same key twice.',

  // layer 2: the shape
  KEY_UNKNOWN: 'No such key exists here.',
  KEY_MISSING: 'A required key is absent. Nothing has a default that could destroy.',
  KEY_CONFLICT:
    'Keys that exclude each other stand together, or a key stands where it has no meaning.',
  VALUE_BLANK: 'A key has no value.',
  VALUE_UNKNOWN: 'The value is none of the allowed words.',
  VALUE_MALFORMED: 'The value is not written the way this key needs.',
  TYPE_WRONG: 'The value is of the wrong kind: text, number, list or mapping.',
  LIST_EMPTY: 'A list or mapping that must name something names nothing.',
  LIST_DOUBLED: 'A list names the same thing twice.',
  NAME_MALFORMED: 'Ids are lower case letters, digits and underscores, beginning with a letter.',
  PERIOD_HAS_TIME: 'A period has a time part.',
  PERIOD_NOT_WHOLE: 'A period is not a whole number.',
  PERIOD_NEGATIVE: 'A period has a sign.',
  PERIOD_MIXED: 'A period mixes units.',
  PERIOD_ZERO: 'A period is zero and not written P0D.',
  PERIOD_TOO_LONG: 'A period is longer than 200 years.',
  PERIOD_MALFORMED: 'A period cannot be read.',

  // layer 3: the meaning
  STORE_UNKNOWN: 'A record class names a store that is not in the file.',
  CLASS_UNKNOWN: 'A rule names a record class that is not in the file.',
  CALENDAR_UNKNOWN: 'A rule names a calendar that is not in the file.',
  RULE_UNKNOWN: 'A test names a rule that is not in the file.',
  ZONE_UNKNOWN: 'A time zone is not in the IANA table.',
  AT_MOST_SHORTER: 'at_most may end before at_least.',
  EPOCH_KEYS_SHORTER: 'epoch_keys_kept_for may end before backups_kept_for.',
  AT_ONCE_MISSING: 'P0D destroys at once and needs at_once: true on the rule.',
  AT_ONCE_WITHOUT_P0D: 'at_once: true stands with a period that is not P0D.',
  TRIGGER_NOT_KEPT: 'A reduction or anonymisation changes the column its own rule counts from.',
  KEY_NOT_KEPT: 'An anonymisation changes a column of the record key.',
  RULES_COLLIDE:
    'Two rules could act on the same record at the same stage, or one keeps for ever what the other deletes.',
  STAGE_SHORTER: 'A later stage is due before an earlier one.',
  STAGE_UNREACHABLE: 'An earlier stage removes what a later one needs to see.',
  CLASS_WITHOUT_RULE: 'No rule applies to a record class.',
  TABLE_SHARED: 'Two record classes stand on one table without a note that says why.',

  // layer 5: the tests in the file
  TEST_FAILED: 'A test of the file expects another instant than the rule gives.',
  TEST_RULE_NOT_TIMED: 'A test names a rule that never destroys.',
} as const;

export type ScheduleFindingCode = keyof typeof SCHEDULE_FINDING_CODES;

/** One thing that is wrong, with its place. Lines and columns count from 1. */
export interface ScheduleFinding {
  readonly line: number;
  readonly col: number;
  readonly severity: 'error' | 'warning';
  /** A key of `SCHEDULE_FINDING_CODES`; layer 4, the live database, has codes of its own. */
  readonly code: string;
  /** Keys from the top of the file, joined with dots: `rules.cctv_30_days.keep.at_least`. */
  readonly path: string;
  readonly message: string;
}

export type SchedulePath = readonly (string | number)[];

/** A finding before its place in the text is known. */
export interface Problem {
  readonly path: SchedulePath;
  /** What to point at: the value, the key in front of it, or the mapping that lacks it. */
  readonly at: 'value' | 'key';
  readonly severity: 'error' | 'warning';
  readonly code: ScheduleFindingCode;
  readonly message: string;
  /** The missing key, or the key an unknown one was probably meant to be. */
  readonly key?: string | undefined;
}

/** An error at the value of `path`. */
export function problem(path: SchedulePath, code: ScheduleFindingCode, message: string): Problem {
  return { path, at: 'value', severity: 'error', code, message };
}

/** An error at the key of `path`. */
export function problemAtKey(
  path: SchedulePath,
  code: ScheduleFindingCode,
  message: string,
): Problem {
  return { path, at: 'key', severity: 'error', code, message };
}

/** `retention.yaml:41:16  error  PERIOD_HAS_TIME  rules.x.keep.at_least: ...` */
export function formatFinding(fileName: string, finding: ScheduleFinding): string {
  const place = `${fileName}:${finding.line}:${finding.col}`;
  const where = finding.path === '' ? '' : `${finding.path}: `;
  return `${place}  ${finding.severity.padEnd(7)}  ${finding.code.padEnd(18)}  ${where}${finding.message}`;
}
