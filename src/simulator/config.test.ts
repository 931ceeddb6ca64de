import { expect, it } from 'vitest';
import { loadSimulatorConfig } from './config.ts';

it('The configuration of the simulator has a default for everything, also for variables that are empty', () => {
  const defaults = { port: 8090, host: '127.0.0.1', ledgerFile: '.data/payment-ledger.jsonl', webhook: null };
  expect(loadSimulatorConfig({})).toEqual(defaults);
  expect(loadSimulatorConfig({ SIMULATOR_PORT: '', SIMULATOR_HOST: '', SIMULATOR_LEDGER_FILE: '' })).toEqual(defaults);
});

it('The configuration of the simulator reads its variables and nothing else', () => {
  const env = { SIMULATOR_PORT: '0', SIMULATOR_HOST: '::1', SIMULATOR_LEDGER_FILE: '/tmp/x.jsonl', OTHER: 'x' };
  expect(loadSimulatorConfig(env)).toEqual({ port: 0, host: '::1', ledgerFile: '/tmp/x.jsonl', webhook: null });
});

it('The configuration of the simulator reports only where it can sign', () => {
  const secret = `whsec_${Buffer.alloc(32).toString('base64')}`;
  const url = 'http://127.0.0.1:8080/v1/payment-webhooks/simulator';
  const both = { PAYMENT_WEBHOOK_URL: url, PAYMENT_WEBHOOK_SECRET: secret };
  expect(loadSimulatorConfig(both).webhook).toEqual({ url, secret });
  expect(loadSimulatorConfig({ PAYMENT_WEBHOOK_SECRET: secret }).webhook).toBeNull();
  expect(() => loadSimulatorConfig({ PAYMENT_WEBHOOK_URL: url })).toThrow('PAYMENT_WEBHOOK_SECRET is required');
});

it('The configuration of the simulator names every problem at once, each with its variable', () => {
  expect(() => loadSimulatorConfig({ SIMULATOR_PORT: '70000', SIMULATOR_HOST: 'a b' })).toThrow(
    'SIMULATOR_PORT must be at most 65535\nSIMULATOR_HOST must be a host name or an address',
  );
});
