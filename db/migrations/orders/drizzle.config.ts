import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: './db/schema/orders.ts',
  out: './db/migrations/orders',
  schemaFilter: ['orders'],
});
