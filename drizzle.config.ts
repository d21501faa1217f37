import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: ['./db/namespace.ts', './db/schema.ts', './db/ledger-schema.ts'],
  out: './db/migrations',
  schemaFilter: ['retain'],
});
