import { createServer, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createDatabase, type Database, type Statement } from '../../db/client.ts';
import { createOrderRepository } from '../../db/repositories/orders/order-repository.ts';
import { createPaymentRepository } from '../../db/repositories/payments/payment-repository.ts';
import { DatabaseContractError, DatabaseUnavailableError } from '../../src/domain/errors.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { createTestDatabase, type TestDatabase } from '../support/database/database.ts';
import { freshId, newOrder } from './fixtures.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

/** Planted wherever a customer's data may be; it must appear nowhere in the output. */
const SECRET = 'ada.secret@example.com';

const SELECT_ONE = { name: 'select_one', text: 'SELECT 1 AS one' };

function statement(text: string) {
  return { name: text.slice(0, 60), text };
}

/** A separate database for a URL, which is closed with the test. */
function open(url: string, poolSize = 2): Database & { readonly idleErrors: Error[] } {
  const idleErrors: Error[] = [];
  const onIdleError = (error: Error): unknown => idleErrors.push(error);
  const opened = createDatabase({ url, poolSize, applicationName: 'test-client', onIdleError });
  onTestFinished(() => opened.close());
  return { ...opened, idleErrors };
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const failure = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  if (failure instanceof Error) return failure;
  throw new TypeError(`expected an error, got ${inspect(failure)}`);
}

/** Every text of an error that a log or a history could show. */
function everythingIn(error: Error): string {
  return [inspect(error, { depth: 20, showHidden: true }), error.message, error.stack, inspect(error.cause)].join('\n');
}

/** A TCP server that treats all clients in the same way. */
async function listen(onConnection: (socket: Socket) => void): Promise<string> {
  const server: Server = createServer(onConnection);
  const port = await findFreePort();
  await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `postgres://user:password@127.0.0.1:${port}/orders`;
}

it('A database that refuses the connection is unavailable', async () => {
  const refusing = open(`postgres://127.0.0.1:${await findFreePort()}/orders`);
  const failure = await failureOf(refusing.run(SELECT_ONE, []));

  expect(failure).toBeInstanceOf(DatabaseUnavailableError);
  expect(failure).toMatchObject({ sqlState: 'ECONNREFUSED', code: 'database_unavailable' });
  await expect(refusing.ping()).rejects.toThrow(DatabaseUnavailableError);
  await expect(refusing.transaction(async () => {})).rejects.toThrow(DatabaseUnavailableError);
  await expect(refusing.query((orm) => orm.execute('SELECT 1'))).rejects.toThrow(DatabaseUnavailableError);
});

it.each([
  ['resets the connection', (socket: Socket) => void socket.resetAndDestroy()],
  ['closes the connection without a word', (socket: Socket) => void socket.end()],
])('A database that %s is unavailable', async (_, onConnection) => {
  const failure = await failureOf(open(await listen(onConnection)).run(SELECT_ONE, []));
  expect(failure).toBeInstanceOf(DatabaseUnavailableError);
});

it('A database whose name cannot be looked up is unavailable', async () => {
  const failure = await failureOf(open('postgres://no-such-host.invalid/orders').run(SELECT_ONE, []));
  expect(failure).toBeInstanceOf(DatabaseUnavailableError);
});

it('A database that refuses the login or is not there is unavailable', async () => {
  const stranger = new URL(database.url);
  stranger.username = 'stranger';
  expect(await failureOf(open(stranger.href).ping())).toBeInstanceOf(DatabaseUnavailableError);
  const absent = new URL(database.url);
  absent.pathname = '/absent';
  expect(await failureOf(open(absent.href).ping())).toMatchObject({
    code: 'database_unavailable',
    sqlState: '3D000',
  });
});

it('A database whose pool is closed is unavailable', async () => {
  const closed = createDatabase({ url: database.url, poolSize: 1, applicationName: 'test', onIdleError: () => {} });
  await closed.close();
  expect(await failureOf(closed.run(SELECT_ONE, []))).toBeInstanceOf(DatabaseUnavailableError);
});

it.each<[string, (target: Database, read: Statement) => Promise<unknown>]>([
  ['a statement', (target, read) => target.run(read, [])],
  ['a transaction', (target, read) => target.transaction((tx) => tx.run(read, []))],
])(
  'A connection whose statements a migration has outdated fails %s once, as one that may pass, and is replaced',
  async (_, run) => {
    const table = freshId('migrated').replaceAll('-', '');
    const read = { name: `read_${table}`, text: `SELECT figure FROM ${table}` };
    const migrated = open(database.url, 1);
    await database.query(`CREATE TABLE ${table} AS SELECT 1::integer AS figure`);
    expect(await run(migrated, read)).toEqual([{ figure: 1 }]);
    await database.query(`ALTER TABLE ${table} ALTER COLUMN figure SET DATA TYPE bigint`);

    expect(await failureOf(run(migrated, read))).toMatchObject({ code: 'database_unavailable', sqlState: '0A000' });
    expect(await run(migrated, read)).toEqual([{ figure: 1 }]);
  },
);

/** Each test waits for a limit of 1 to 4 s, so they run side by side. */
describe.concurrent('a database that takes too long is unavailable', () => {
  it('A database that accepts the connection and says nothing is unavailable', async () => {
    const silent = open(await listen((socket) => void socket.on('error', () => {})));
    expect(await failureOf(silent.run(SELECT_ONE, []))).toMatchObject({ code: 'database_unavailable' });
  });

  it('A database whose connections are all taken is unavailable', async () => {
    const small = open(database.url, 1);
    const failure = await small.transaction(() => failureOf(small.run(SELECT_ONE, [])));
    expect(failure).toMatchObject({ code: 'database_unavailable' });
  });

  it('A database whose statement exceeds its limit is unavailable', async () => {
    const failure = await failureOf(open(database.url).run(statement('SELECT pg_sleep(20)'), []));
    expect(failure).toMatchObject({ code: 'database_unavailable', sqlState: '57014' });
  });

  it('A database that does not give a lock is unavailable', async () => {
    const db = open(database.url);
    const lock = statement(`SELECT FROM inventory.stock WHERE tenant_id = 'demo' AND sku = 'SKU-0002' FOR UPDATE`);
    const failure = await db.transaction(async (tx) => {
      await tx.run(lock, []);
      return failureOf(db.run(lock, []));
    });
    expect(failure).toMatchObject({ code: 'database_unavailable', sqlState: '55P03' });
  });

  it('A database in which two transactions lock each other out is unavailable', async () => {
    const db = open(database.url);
    const lock = statement(`SELECT FROM inventory.stock WHERE tenant_id = 'demo' AND sku = $1 FOR UPDATE`);
    const both = Promise.withResolvers<void>();
    let locked = 0;
    const lockInOrder = (first: string, second: string): Promise<void> =>
      db.transaction(async (tx) => {
        await tx.run(lock, [first]);
        locked += 1;
        if (locked === 2) both.resolve();
        await both.promise;
        await tx.run(lock, [second]);
      });
    const ends = await Promise.allSettled([lockInOrder('SKU-0003', 'SKU-0004'), lockInOrder('SKU-0004', 'SKU-0003')]);
    expect(ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))).toMatchObject([
      { code: 'database_unavailable', sqlState: '40P01' },
    ]);
  });
});

it('A statement that breaks a rule of the database names the rule and none of its parameters', async () => {
  const order = newOrder();
  const orders = createOrderRepository(database.databases.orders);
  const request = { ...order.request, customerId: SECRET, currency: `X${SECRET}` };
  const failure = await failureOf(orders.open({ ...order, request }));

  expect(failure).toBeInstanceOf(DatabaseContractError);
  expect(failure).toMatchObject({ sqlState: '22001', message: 'the database refused a statement (22001)' });
  expect(everythingIn(failure)).not.toContain(SECRET);
});

it('A statement that breaks a check names its constraint', async () => {
  const orderId = freshId();
  const payments = createPaymentRepository(database.databases.payments);
  const bad = { tenantId: SECRET, declineCode: SECRET, kind: 'sale', generation: 0, currency: 'EUR' } as const;
  const failure = await failureOf(
    payments.record({ ...bad, key: SECRET, orderId, amountMinor: 1, state: 'SUCCEEDED', providerRef: SECRET }),
  );

  expect(failure).toMatchObject({ sqlState: '23514', constraint: 'operations_external_check' });
  expect(everythingIn(failure)).not.toContain(SECRET);
});

it('A statement with a value that is not unique names the index', async () => {
  const insert = statement(
    `INSERT INTO notifications.messages (order_id, template, channel, tenant_id, state, attempts)
       VALUES ($1, 'order-confirmed', 'email', 'demo', 'SENT', 1)`,
  );
  await database.databases.notifications.run(insert, [SECRET]);
  const failure = await failureOf(database.databases.notifications.run(insert, [SECRET]));

  expect(failure).toMatchObject({ sqlState: '23505', constraint: 'messages_order_id_template_channel_pk' });
  expect(everythingIn(failure)).not.toContain(SECRET);
});

it('A statement that the query builder made names no parameters either when it breaks a rule', async () => {
  const orders = createOrderRepository(database.databases.orders);
  const failure = await failureOf(orders.list({ tenantId: `${SECRET}\0`, limit: 10 }));

  expect(failure).toBeInstanceOf(DatabaseContractError);
  expect(everythingIn(failure)).not.toContain(SECRET);
});

it('A statement that breaks a rule of the database is rolled back with its whole transaction', async () => {
  const db = open(database.url, 1);
  const move = statement(`UPDATE inventory.stock SET reserved = $1 WHERE tenant_id = 'demo' AND sku = 'SKU-0005'`);
  const failure = await failureOf(
    db.transaction(async (tx) => {
      await tx.run(move, [7]);
      await tx.run(move, [-1]);
    }),
  );

  expect(failure).toMatchObject({ constraint: 'stock_reserved_check' });
  const reserved = statement(`SELECT reserved FROM inventory.stock WHERE tenant_id = 'demo' AND sku = 'SKU-0005'`);
  expect(await db.run(reserved, [])).toEqual([{ reserved: 0 }]);
});

it("An error of the caller's own code leaves a transaction as it is, and rolls it back", async () => {
  const db = open(database.url, 1);
  const bug = new TypeError('a bug');
  await expect(db.transaction(() => Promise.reject(bug))).rejects.toBe(bug);
  expect(await db.run(SELECT_ONE, [])).toEqual([{ one: 1 }]);
});

const KILL = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'test-client' AND pid <> pg_backend_pid()`;

it('A connection that is killed while idle is reported and replaced', async () => {
  const db = open(database.url);
  await Promise.all([db.ping(), db.ping()]);
  await database.query(KILL);

  await expect.poll(() => db.pool.totalCount).toBe(0);
  expect(db.idleErrors.length).toBeGreaterThan(0);
  expect(await db.run(SELECT_ONE, [])).toEqual([{ one: 1 }]);
});

it('A connection that is killed while busy fails its statement as unavailable and is replaced', async () => {
  const db = open(database.url);
  const sleeping = failureOf(db.run(statement('SELECT pg_sleep(2.5)'), []));
  const inTransaction = failureOf(db.transaction((tx) => tx.run(statement('SELECT pg_sleep(2.4)'), [])));
  const busy = `SELECT FROM pg_stat_activity WHERE application_name = 'test-client' AND query LIKE 'SELECT pg_sleep(2.%'`;
  await expect.poll(() => database.query(busy)).toHaveLength(2);
  await database.query(KILL);

  expect(await sleeping).toBeInstanceOf(DatabaseUnavailableError);
  expect(await inTransaction).toBeInstanceOf(DatabaseUnavailableError);
  expect(await db.run(SELECT_ONE, [])).toEqual([{ one: 1 }]);
});

it('A connection that is killed between two statements of a transaction fails the transaction as unavailable', async () => {
  const db = open(database.url);
  const failure = await failureOf(
    db.transaction(async (tx) => {
      await tx.run(SELECT_ONE, []);
      await database.query(KILL);
      await expect.poll(() => db.idleErrors.length).toBeGreaterThan(0);
      await tx.run(SELECT_ONE, []);
    }),
  );

  expect(failure).toBeInstanceOf(DatabaseUnavailableError);
  expect(await db.run(SELECT_ONE, [])).toEqual([{ one: 1 }]);
});
