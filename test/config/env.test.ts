import { expect, test } from 'vitest';
import { readEnv, storeUrl, temporalConnectConfig } from '../../config/env.ts';
import { RetentionError } from '../../domain/errors.ts';

const HOME = { HOME: '/home/amira' };

function refusal(work: () => unknown): RetentionError {
  try {
    work();
  } catch (error) {
    if (error instanceof RetentionError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

test('an empty environment is enough, and the answer is frozen', () => {
  const env = readEnv(HOME);
  expect(env).toMatchObject({
    databaseUrl: undefined,
    logLevel: 'info',
    cacheDir: '/home/amira/.cache/retain',
  });
  expect(Object.isFrozen(env)).toBe(true);
});

test('every problem is reported at once, by the name of its variable', () => {
  const error = refusal(() =>
    readEnv({
      DATABASE_URL: 'mysql://somewhere',
      TEMPORAL_CLI_PATH: 'bin/temporal',
      RETAIN_LOG_LEVEL: 'loud',
      RETAIN_KEYDIR: '/keys',
    }),
  );
  expect(error.code).toBe('CONFIG_INVALID');
  expect(error.facts['problems']).toBe(4);
  for (const name of ['DATABASE_URL', 'TEMPORAL_CLI_PATH', 'RETAIN_LOG_LEVEL', 'RETAIN_KEYDIR']) {
    expect(error.message).toContain(name);
  }
});

test('an unknown RETAIN_ setting is refused, other names are nobody else’s business', () => {
  expect(refusal(() => readEnv({ RETAIN_DRY_RUN: '1' })).code).toBe('CONFIG_INVALID');
  expect(() => readEnv({ RETAINER_FEE: '1', PATH: '/bin' })).not.toThrow();
});

test.each(['DATABASE_URL', 'RETAIN_KEY_DIR', 'RETAIN_LOG_LEVEL', 'TEMPORAL_ADDRESS'])(
  'a blank %s is an error, not a default',
  (name) => {
    expect(refusal(() => readEnv({ [name]: ' ' })).message).toContain(name);
  },
);

test('an error never shows the value, which may hold a password', () => {
  const error = refusal(() => readEnv({ DATABASE_URL: 'http://app:s3cret@host/db' }));
  expect(JSON.stringify([error.message, error.facts])).not.toContain('s3cret');
  const env = readEnv({ HOUSING: 'http://app:s3cret@host/db' });
  expect(refusal(() => storeUrl(env, 'env:HOUSING')).message).not.toContain('s3cret');
});

test('the cache folder follows an absolute XDG_CACHE_HOME and ignores a relative one', () => {
  expect(readEnv({ ...HOME, XDG_CACHE_HOME: '/var/cache' }).cacheDir).toBe('/var/cache/retain');
  expect(readEnv({ ...HOME, XDG_CACHE_HOME: 'cache' }).cacheDir).toBe('/home/amira/.cache/retain');
});

test('a store reference answers the variable’s URL', () => {
  const url = 'postgresql://app:p%40ss@db.example:5432/housing?sslmode=verify-full';
  const env = readEnv({ HOUSING_DATABASE_URL: url });
  expect(storeUrl(env, 'env:HOUSING_DATABASE_URL')).toBe(url);
  expect(storeUrl(env, 'HOUSING_DATABASE_URL')).toBe(url);
});

test.each([
  ['env:MISSING', /MISSING is not set/],
  ['env:EMPTY', /EMPTY is blank/],
  ['env:WEB', /WEB is not a PostgreSQL URL/],
  ['postgres://a:b@c/d', /must be env:NAME/],
  ['env:', /must be env:NAME/],
])('a store reference %s is refused with the reason', (reference, reason) => {
  const env = readEnv({ EMPTY: '', WEB: 'https://example.org' });
  const error = refusal(() => storeUrl(env, reference));
  expect(error.code).toBe('CONFIG_INVALID');
  expect(error.message).toMatch(reason);
});

test('Temporal’s own variables are read by its own reader', () => {
  const config = temporalConnectConfig({
    TEMPORAL_ADDRESS: 'temporal.example:7233',
    TEMPORAL_NAMESPACE: 'harbour',
    TEMPORAL_CONFIG_FILE: '/nonexistent/temporal.toml',
  });
  expect(config).toMatchObject({
    connectionOptions: { address: 'temporal.example:7233' },
    namespace: 'harbour',
  });
});
