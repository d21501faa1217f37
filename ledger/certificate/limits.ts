/** What no certificate proves. Stands in every one, and is said again by whoever checks it. */

const COMMON = [
  'That no copy exists elsewhere: in backups until they expire, exports, other systems or on paper.',
  'That a storage medium was overwritten: rows were destroyed logically, and the database reuses their space.',
  'That the database told the truth when it destroyed: time, counts and keys are as it reported them.',
  'Who sat at the keyboard: people are named as the program was told.',
  'That a key was not revoked before it signed: only a check of the whole log shows every revocation.',
];

export const RECORD_LIMITS: readonly string[] = [
  ...COMMON,
  'What the record contained: the log holds no content.',
];

export const RUN_LIMITS: readonly string[] = [
  ...COMMON,
  'That everything due was in the run: plans name what they counted, and what holds withheld stays.',
  'That nothing was deleted by hand beside the run.',
];
