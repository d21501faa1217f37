/** The JSON Schema of schedule files, for editors: completion and errors while typing. */

import { z } from 'zod';
import { scheduleShape } from './schedule-shape.ts';

/** The text of `config/schedule.schema.json`; a test keeps the committed file equal to it. */
export function scheduleJsonSchema(): string {
  const schema = z.toJSONSchema(scheduleShape, { target: 'draft-2020-12', io: 'input' });
  return `${JSON.stringify({ ...schema, title: 'Retain retention schedule, format retain/1' }, null, 2)}\n`;
}
