import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: './db/schema/inventory.ts',
  out: './db/migrations/inventory',
  schemaFilter: ['inventory'],
});
