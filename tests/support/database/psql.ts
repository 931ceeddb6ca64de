import { parseArgs } from 'node:util';
import { createDatabase } from '../../../db/client.ts';

// A psql for machines without one: it runs the text of --command and prints the first column, as the scripts in ops/ ask
// for it (--quiet --tuples-only --no-align).

const { values } = parseArgs({
  options: {
    command: { type: 'string', default: '' },
    set: { type: 'string' },
    quiet: { type: 'boolean' },
    'no-psqlrc': { type: 'boolean' },
    'tuples-only': { type: 'boolean' },
    'no-align': { type: 'boolean' },
  },
});
const { PGHOST, PGPORT, PGUSER, PGPASSWORD = '', PGDATABASE } = process.env;
const url = `postgres://${PGUSER}:${PGPASSWORD}@${PGHOST}:${PGPORT}/${PGDATABASE}`;
const database = createDatabase({ url, poolSize: 1, applicationName: 'psql', onIdleError: () => {} });
try {
  const { rows } = await database.pool.query(values.command);
  for (const row of rows as Record<string, unknown>[]) console.log(String(Object.values(row)[0]));
} finally {
  await database.close();
}
