import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: './db/schema/audit.ts',
  out: './db/migrations/audit',
  schemaFilter: ['audit'],
});
