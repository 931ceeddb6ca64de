import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  // The parts of Temporal's own table that the scripts use.
  await database.query(
    'CREATE TABLE executions_visibility (namespace_id text, run_id text, PRIMARY KEY (namespace_id, run_id))',
  );
  for (const name of ['default_idx', 'by_keyword_01', 'by_keyword_02', 'by_bool_01']) {
    await database.query(`CREATE INDEX ${name} ON executions_visibility (run_id DESC)`);
  }
});
afterAll(() => database.close());

async function run(script: string): Promise<void> {
  await database.query(await readFile(new URL(`../../ops/temporal/${script}`, import.meta.url), 'utf8'));
}

function indexes(): Promise<{ indexname: string; indexdef: string }[]> {
  return database.query(
    `SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'executions_visibility' ORDER BY indexname`,
  );
}

it('The script drops the indexes that are not needed, twice without harm, and restores them as they were', async () => {
  const before = await indexes();
  await run('visibility-indexes-drop.sql');
  await run('visibility-indexes-drop.sql');
  expect((await indexes()).map(({ indexname }) => indexname)).toEqual([
    'by_keyword_01',
    'default_idx',
    'executions_visibility_pkey',
  ]);
  await run('visibility-indexes-restore.sql');
  expect(await indexes()).toEqual(before);
});
