import { defineConfig } from 'vitest/config';

const MINUTE_MS = 60_000;

/** Tests that start or share servers run one file at a time: they measure and lock things. */
const withServers = {
  pool: 'forks',
  fileParallelism: false,
  env: { TZ: 'UTC' },
  testTimeout: MINUTE_MS,
  hookTimeout: 2 * MINUTE_MS,
} as const;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/{domain,config,ledger,architecture}/**/*.test.ts'],
          pool: 'forks',
          // An odd zone (no 30 December 2011 there) finds every place that trusts the machine's own.
          env: { TZ: 'Pacific/Apia' },
          testTimeout: MINUTE_MS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...withServers,
          name: 'workflows',
          include: ['test/workflows/**/*.test.ts'],
          globalSetup: ['test/support/bundle.setup.ts'],
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...withServers,
          name: 'database',
          include: ['test/{stores,db,support,examples}/**/*.test.ts'],
          globalSetup: ['test/support/postgres.setup.ts'],
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...withServers,
          name: 'servers',
          include: ['test/{app,cli,activities,worker,embedded,scenarios}/**/*.test.ts'],
          exclude: ['test/scenarios/torture/**'],
          globalSetup: [
            'test/support/postgres.setup.ts',
            'test/support/temporal.setup.ts',
            'test/support/bundle.setup.ts',
          ],
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          ...withServers,
          name: 'torture',
          include: ['test/scenarios/torture/**/*.test.ts'],
          globalSetup: [
            'test/support/postgres.setup.ts',
            'test/support/temporal.setup.ts',
            'test/support/bundle.setup.ts',
          ],
          testTimeout: 30 * MINUTE_MS,
          sequence: { groupOrder: 4 },
        },
      },
      {
        test: {
          ...withServers,
          name: 'topology',
          include: ['test/topology/**/*.test.ts'],
          globalSetup: ['test/topology/temporal-server.setup.ts'],
          sequence: { groupOrder: 5 },
        },
      },
    ],
    reporters: ['default'],
  },
});
