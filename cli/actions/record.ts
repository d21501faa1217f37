import { scheduleInForce } from '../../app/context.ts';
import { explainRecord } from '../../app/explain.ts';
import { EXIT } from '../exit-codes.ts';
import { explainLines } from '../output/explain.ts';
import { type Shell, withRetain } from '../shell.ts';

export function explain(
  shell: Shell,
  recordClass: string,
  key: readonly string[],
): Promise<number> {
  return withRetain(shell, async (retain) => {
    const explanation = await explainRecord(retain, recordClass, key);
    const zone = (await scheduleInForce(retain)).schedule.timezone;
    if (shell.json) shell.data({ ...explanation, key });
    else shell.print(...explainLines({ explanation, key, zone }));
    return EXIT.ok;
  });
}
