import { takeArguments } from './runtime/command-arguments.ts';
import { loadDatabaseConfig } from './config.ts';
import { systemLine } from './runtime/system-line.ts';
import { createDatabases } from '../db/client.ts';
import { migrateAll } from '../db/migrate.ts';
import { createCatalogRepository } from '../db/repositories/inventory/catalog-repository.ts';
import { seedCatalog } from '../db/seed.ts';

const USAGE = `npm run migrate -- [--seed] [--roles]
  Brings all schemas to their newest version; DATABASE_URL says where.
  --seed   also the development catalog
  --roles  also makes the database roles of API, worker and tools; roles that exist get their rights at each migration`;

// Entry of `npm run migrate`.
const flag = { type: 'boolean', default: false } as const;
const { seed, roles } = takeArguments(USAGE, { options: { seed: flag, roles: flag } }).values;
console.error(systemLine(process.env));
const { urls } = loadDatabaseConfig(process.env);
await migrateAll(urls, { roles });
if (seed) {
  const databases = createDatabases(urls, { poolSize: 2, applicationName: 'order-saga-seed', onIdleError: () => {} });
  await seedCatalog(createCatalogRepository(databases.inventory));
  await databases.close();
}
