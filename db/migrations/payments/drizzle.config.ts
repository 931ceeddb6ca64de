import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: './db/schema/payments.ts',
  out: './db/migrations/payments',
  schemaFilter: ['payments'],
});
