/** Writes `config/schedule.schema.json`: `npm run schedule:schema`. */

import { writeFileSync } from 'node:fs';
import { scheduleJsonSchema } from './schedule-json-schema.ts';

writeFileSync(new URL('./schedule.schema.json', import.meta.url), scheduleJsonSchema());
