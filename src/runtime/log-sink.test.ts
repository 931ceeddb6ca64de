import { spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

/** Logs for a while, counts what its event loop does meanwhile, and ends in the way of the product's processes. */
const PROGRAM = `
import { createLogger } from ${JSON.stringify(join(import.meta.dirname, 'logger.ts'))};
const logger = createLogger({ level: 'info', service: 'test' });
let [dropped, turns] = [0, 0];
logger.onDropped((lines) => { dropped += lines; });
const timer = setInterval(() => {
  for (let line = 0; line < Number(process.env['LINES_PER_TURN']); line += 1) logger.info('x'.repeat(1_000));
  if (++turns < 20) return;
  clearInterval(timer);
  process.send({ dropped, turns });
  logger.flush(() => process.exit(0));
}, 5);
`;

async function runWith(stdout: number | 'pipe', linesPerTurn: number, read = false) {
  const stdio: StdioOptions = ['ignore', stdout, 'inherit', 'ipc'];
  const child = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    stdio,
    env: { LINES_PER_TURN: String(linesPerTurn) },
    timeout: 60_000,
  });
  const printed = read && child.stdout !== null ? text(child.stdout) : null;
  const [[said], [code]] = await Promise.all([once(child, 'message'), once(child, 'exit')]);
  return { code, ...(said as { dropped: number; turns: number }), printed: await printed };
}

it('A process whose log lines fall on a full disk goes on, counts them, and ends when it wants to', async () => {
  const full = openSync('/dev/full', 'w');
  const { code, dropped, turns } = await runWith(full, 500);
  closeSync(full);
  expect({ code, turns }).toEqual({ code: 0, turns: 20 });
  expect(dropped).toBeGreaterThan(1_000);
});

it('A process whose log lines nobody reads goes on, holds few of them, and ends when it wants to', async () => {
  const { code, dropped, turns } = await runWith('pipe', 500);
  expect({ code, turns }).toEqual({ code: 0, turns: 20 });
  // 10,000 lines of 1,100 bytes, of which 4 MiB are buffered.
  expect(dropped).toBeGreaterThan(5_000);
});

it('A process whose log lines are read leaves all of them', async () => {
  const { code, dropped, printed } = await runWith('pipe', 50, true);
  expect({ code, dropped }).toEqual({ code: 0, dropped: 0 });
  expect(printed?.trimEnd().split('\n')).toHaveLength(1_000);
});
