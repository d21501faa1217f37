/** What no certificate proves. Stands in every one word for word, and is said again by whoever checks it. */

const COMMON = [
  'That no copy exists elsewhere: in backups until they expire, exports, other systems or on paper.',
  'That a storage medium was overwritten: rows were destroyed logically, and the database reuses their space.',
  'That the database told the truth when it destroyed: time, counts and keys are as it reported them.',
  'Who sat at the keyboard: people are named as the program was told.',
  'That a key was not revoked before it signed: only a check of the whole log shows every revocation.',
  'That legal holds were heeded: batches name the version that they checked, and only a check of the whole log has the holds.',
];

export const RECORD_LIMITS: readonly string[] = [
  ...COMMON,
  'What the record contained: the log holds no content.',
  'That the header of the batch signed this very record: it counts the records behind it and signs a digest of all, which only a check of the whole log recomputes.',
  'That the batch kept to its run and plan, in time, number and kind: the certificate of the run shows it.',
];

export const RUN_LIMITS: readonly string[] = [
  ...COMMON,
  'That everything due was in the run: plans name what they counted, and what holds withheld stays.',
  'That nothing was deleted by hand beside the run.',
  'That the records of its batches are in the log, one by one: only a check of the whole log reads them.',
];
