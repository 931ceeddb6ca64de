import { expect, it } from 'vitest';
import { systemLine } from './system-line.ts';

it('A tool names the system that it speaks to, with the usual addresses where none are given', () => {
  expect(systemLine({ API_PORT: '9000', API_HOST: '::', TEMPORAL_NAMESPACE: 'qa', DATABASE_URL: '' })).toBe(
    'system: API http://[::1]:9000, Temporal 127.0.0.1:7233 (namespace qa), database not set',
  );
});

it('A tool shows no secrets of the addresses that it names', () => {
  const secret = 'pa55';
  const line = systemLine(
    {
      API_URL: `https://u:${secret}@api.example.com/`,
      DATABASE_URL: `postgres://u:${secret}@db:5432/orders?password=${secret}`,
    },
    null,
  );
  expect(line).toBe(
    'system: API https://api.example.com, Temporal 127.0.0.1:7233 (namespace default), database postgres://db:5432/orders',
  );
});
