import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: './db/schema/notifications.ts',
  out: './db/migrations/notifications',
  schemaFilter: ['notifications'],
});
