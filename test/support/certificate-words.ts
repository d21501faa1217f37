/** What the organisation of the sample certificates says. */
import { RECORD_LIMITS, RUN_LIMITS } from '../../ledger/certificate/limits.ts';

const RULE = {
  text: '6 years after contract closed',
  authority: 'Limitation Act 1980, section 5',
};

const COMMON_WORDS = {
  organisation: 'Harbour Homes',
  issued_at: '2026-11-22T08:30:00.000000Z',
  time_zone: 'Europe/London',
  backups_expire_on: '2026-12-26',
  database: 'housing',
};

export function recordWords() {
  return {
    ...COMMON_WORDS,
    class_title: 'Customer record',
    rule: RULE,
    does_not_prove: RECORD_LIMITS,
  };
}

export function runWords() {
  return {
    ...COMMON_WORDS,
    classes: { customer: 'Customer record' },
    rules: { customer_6_years: RULE },
    does_not_prove: RUN_LIMITS,
  };
}
