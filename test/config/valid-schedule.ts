import { readFileSync } from 'node:fs';
import { parseSchedule, type ScheduleFinding } from '../../config/schedule-file.ts';

/** A schedule that uses every key there is, and has no finding. */
export const VALID = readFileSync(new URL('./valid.yaml', import.meta.url), 'utf8');

/** The text with the first occurrence of `from` replaced; fails the test when there is none. */
export function replaced(from: string, to: string, text = VALID): string {
  if (!text.includes(from)) throw new Error(`the schedule does not hold ${from}`);
  return text.replace(from, () => to);
}

export function findingsOf(text: string): readonly ScheduleFinding[] {
  return parseSchedule(text, 'retention.yaml').findings;
}
