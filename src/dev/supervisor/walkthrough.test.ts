import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { walkthrough, type WalkthroughOptions } from './walkthrough.ts';

const options: WalkthroughOptions = {
  apiUrl: 'http://127.0.0.1:8081',
  operatorUrl: 'http://127.0.0.1:8081',
  temporalUiUrl: 'http://localhost:8233',
  temporalNamespace: 'default',
  inboxUrl: 'http://127.0.0.1:8025',
  token: 'the.dev.token',
  tokenFile: '/project/.data/dev-token',
  dataFolder: '/project/.data',
  projectFolder: '/project',
  ownTemporal: true,
};

/** The arguments that the shell passes to curl. */
function argumentsOf(command: string): string[] {
  const script = `cat() { echo TOKEN; }; curl() { printf '%s\\n' "$@"; }; ${command}`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n');
}

it('The walkthrough shows where everything is', () => {
  const text = walkthrough(options);
  for (const part of ['http://127.0.0.1:8081/docs', 'http://localhost:8233/namespaces/default', ':8025', 'power cut']) {
    expect(text).toContain(part);
  }
  expect(text.split('\n')).toContain('the.dev.token');
});

it('The walkthrough shows the documentation of the API where it is served', () => {
  const lines = walkthrough({ ...options, operatorUrl: 'http://127.0.0.1:9465' }).split('\n');
  expect(lines).toContain('  docs     http://127.0.0.1:9465/docs');
  expect(lines).toContain('  API      http://127.0.0.1:8081');
});

it('The walkthrough has three orders to paste, each under a key of its own', () => {
  const commands = walkthrough(options)
    .split('\n')
    .filter((line) => line.includes('Idempotency-Key'));
  const orders = commands.map((command) => JSON.parse(argumentsOf(command).at(-1) ?? ''));
  expect(orders.map(({ lines: [line], payment }) => [line.sku, line.quantity, payment.method])).toEqual([
    ['SKU-0001', 2, 'pm_ok'],
    ['SKU-0002', 1, 'pm_declined'],
    ['SKU-SCARCE', 6, 'pm_ok'],
  ]);
  const keys = commands.flatMap((command) => argumentsOf(command).filter((word) => word.startsWith('Idempotency-Key')));
  expect(new Set(keys).size).toBe(3);
  for (const key of keys) expect(key).toMatch(/^Idempotency-Key: demo-[a-z]+-\d+-\d+$/);
  expect(argumentsOf(commands[0] ?? '')).toContain('Authorization: Bearer TOKEN');
});

it.each(['/elsewhere/data "q" $HOME & it\'s (50%)!/dev-token', '/project/.data/dev-token'])(
  'The walkthrough reads the token from %s as it stands in a command',
  (tokenFile) => {
    const command = walkthrough({ ...options, tokenFile, apiUrl: 'http://[::1]:8081' })
      .split('\n')
      .find((line) => line.includes('Idempotency-Key'));
    const script = `shopt -s failglob; cat() { echo "<$1>"; }; curl() { printf '%s\\n' "$@"; }; ${command}`;
    const words = execFileSync('bash', ['-c', script], { encoding: 'utf8' }).split('\n');
    expect(words).toContain(`Authorization: Bearer <${tokenFile.replace('/project/', '')}>`);
    expect(words).toContain('http://[::1]:8081/v1/orders');
  },
);

it('The walkthrough has a link to the Web UI for a namespace of any name', () => {
  const text = walkthrough({ ...options, temporalNamespace: 'a/b #1' });
  expect(text).toContain('http://localhost:8233/namespaces/a%2Fb%20%231/workflows\n');
  expect(text).toContain('/namespaces/a%2Fb%20%231/workflows/order%2FORDER_ID');
});

it('The walkthrough leaves out what somebody else runs', () => {
  const text = walkthrough({ ...options, temporalUiUrl: null, inboxUrl: null, ownTemporal: false });
  for (const part of ['Web UI', 'inbox  ', 'SQLite']) expect(text).not.toContain(part);
});
