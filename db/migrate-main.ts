import { loadDatabaseConfig } from '../src/config.ts';
import { systemLine } from '../src/system-line.ts';
import { createDatabases } from './client.ts';
import { migrateAll } from './migrate.ts';
import { createCatalogRepository } from './repositories/catalog-repository.ts';
import { seedCatalog } from './seed.ts';

/** `npm run migrate`, and with `--seed` the development catalog. */
console.error(systemLine(process.env));
const { urls } = loadDatabaseConfig(process.env);
await migrateAll(urls);
if (process.argv.includes('--seed')) {
  const databases = createDatabases(urls, { poolSize: 2, applicationName: 'order-saga-seed', onIdleError: () => {} });
  await seedCatalog(createCatalogRepository(databases.inventory));
  await databases.close();
}
