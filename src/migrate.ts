import { takeArguments } from './runtime/command-arguments.ts';
import { loadDatabaseConfig } from './config.ts';
import { systemLine } from './runtime/system-line.ts';
import { createDatabases } from '../db/client.ts';
import { migrateAll } from '../db/migrate.ts';
import { createCatalogRepository } from '../db/repositories/inventory/catalog-repository.ts';
import { seedCatalog } from '../db/seed.ts';

const USAGE = `npm run migrate -- [--seed]
  Brings all schemas to their newest version; DATABASE_URL says where.
  --seed   also the development catalog`;

// Entry of `npm run migrate`.
const { seed } = takeArguments(USAGE, { options: { seed: { type: 'boolean', default: false } } }).values;
console.error(systemLine(process.env));
const { urls } = loadDatabaseConfig(process.env);
await migrateAll(urls);
if (seed) {
  const databases = createDatabases(urls, { poolSize: 2, applicationName: 'order-saga-seed', onIdleError: () => {} });
  await seedCatalog(createCatalogRepository(databases.inventory));
  await databases.close();
}
