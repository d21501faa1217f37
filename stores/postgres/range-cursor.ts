/** The cursor of a range: the trigger, then the key; each part as text in the lane, cast where compared. */
import { column } from './fragments.ts';
import type { StepModel } from './step-model.ts';

export interface Cursor {
  readonly names: readonly string[];
  readonly after: string;
  readonly order: string;
  readonly descending: string;
  readonly select: string;
  readonly asText: (alias: string) => string;
}

export function rangeCursor(model: StepModel): Cursor {
  const trigger = model.due.trigger.column;
  const parts = [trigger, ...model.aggregate.key.filter((part) => part.name !== trigger.name)];
  const names = parts.map((_, index) => `c${index}`);
  const left = parts.map((part) => column('r', part.name)).join(', ');
  const leading = column('r', trigger.name);
  // The leading column alone is for the index. The whole row is tested on every entry that is read, so
  // its bounds are sub-selects: a cast of text to a date is no constant and would be repeated each time.
  const beyond = (parameter: string, than: '>' | '<') => {
    const bounds = parts.map(
      (part, index) => `(select (${parameter}[${index + 1}])::${part.type})`,
    );
    const row = `(${left}) ${than === '>' ? '>' : '<='} (${bounds.join(', ')})`;
    return `(${parameter} is null or ${leading} ${than}= (${parameter}[1])::${trigger.type} and ${row})`;
  };
  return {
    names,
    select: parts.map((part, index) => `${column('r', part.name)} as c${index}`).join(', '),
    after: `${beyond('$1', '>')} and ${beyond('$2', '<')}`,
    order: left,
    descending: names.map((name) => `${name} desc`).join(', '),
    asText: (alias) => `array[${names.map((name) => `${alias}.${name}::text`).join(', ')}]`,
  };
}
