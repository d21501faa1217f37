import { expect, test } from 'vitest';
import { RetentionError } from '../../domain/errors.ts';
import { createLogger } from '../../worker/logging.ts';

const CANARY = 'canary-7f3a@example.org';

function logged(fields: object, message?: string): Record<string, unknown> {
  const lines: string[] = [];
  const logger = createLogger('info', { write: (line) => void lines.push(line) });
  logger.info(fields, message);
  logger.debug('quiet');
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '{}') as Record<string, unknown>;
}

test('facts with a known name are written, all others are not', () => {
  const line = logged(
    { run: '7f3a', destroyed: 12, email: CANARY, keys: [CANARY], input: CANARY },
    'batch',
  );
  expect(line).toMatchObject({
    level: 'info',
    service: 'retain',
    run: '7f3a',
    destroyed: 12,
    msg: 'batch',
  });
  expect(Object.keys(line).sort()).toEqual(['destroyed', 'level', 'msg', 'run', 'service', 'time']);
});

test('an error of ours is written without its cause', () => {
  const err = new RetentionError('STORE_BUSY', 'Busy.', { step: 1 }, new Error(CANARY));
  expect(logged({ err })['err']).toEqual({
    code: 'STORE_BUSY',
    message: 'Busy.',
    facts: { step: 1 },
  });
});

test('what a driver says of a record is not written', () => {
  const err = Object.assign(new Error(`Key (email)=(${CANARY})`), {
    code: '23505',
    detail: CANARY,
  });
  for (const line of [logged({ err }), logged(err), logged({ err }, 'slice failed')]) {
    expect(JSON.stringify(line)).not.toContain(CANARY);
    expect(line['err']).toMatchObject({ name: 'SQLSTATE 23505' });
  }
});
