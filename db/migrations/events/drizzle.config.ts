import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: './db/schema/events.ts',
  out: './db/migrations/events',
  schemaFilter: ['events'],
});
