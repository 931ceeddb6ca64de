import { expect, it } from 'vitest';
import { DatabaseContractError, DatabaseUnavailableError, OrderStateConflictError } from '../src/domain/errors.ts';
import { toDatabaseError } from './errors.ts';

function driverError(code: string): Error {
  return Object.assign(new Error('Failed query with params ada@example.com'), { code });
}

it.each([
  ['the connection is reset', 'ECONNRESET'],
  ['the pipe is broken', 'EPIPE'],
  ['the name service does not answer', 'EAI_AGAIN'],
  ['the server shuts down', '57P01'],
  ['the server starts', '57P03'],
  ['there are too many connections', '53300'],
  ['the transaction was idle for too long', '25P03'],
  ['two transactions locked each other out', '40P01'],
  ['the server became a standby', '25006'],
  ['the login is refused', '28P01'],
])('A failure of the database may pass when %s (%s)', (_, code) => {
  const translated = toDatabaseError(driverError(code));
  expect(translated).toBeInstanceOf(DatabaseUnavailableError);
  expect(translated).toMatchObject({ sqlState: code, message: `the database did not answer (${code})` });
});

it.each([
  ['a check', '23514'],
  ['a unique index', '23505'],
  ['the syntax', '42601'],
  ['the range of a number', '22003'],
])('A failure of the database stays when %s is broken (%s)', (_, code) => {
  expect(toDatabaseError(driverError(code))).toBeInstanceOf(DatabaseContractError);
});

it('A failure of the database is found below the wrapping of the query builder', () => {
  const wrapped = new Error('Failed query: ... params: ada@example.com', { cause: driverError('ECONNREFUSED') });
  expect(toDatabaseError(wrapped)).toMatchObject({ sqlState: 'ECONNREFUSED' });
});

it('A failure of the database that is already translated stays as it is', () => {
  const conflict = new OrderStateConflictError('ord_1', 'REJECTED', 'CONFIRMED');
  expect(toDatabaseError(conflict)).toBe(conflict);
});

it("A bug in Node's own terms is not made a failure of the database", () => {
  const bug = driverError('ERR_INVALID_ARG_TYPE');
  expect(toDatabaseError(bug)).toBe(bug);
});
