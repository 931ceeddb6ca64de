import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SCOPES } from '../../src/domain/access/scopes.ts';
import { takeArguments } from '../../src/runtime/command-arguments.ts';
import { signDevToken, TOKEN_AUDIENCE, TOKEN_ISSUER } from '../../src/dev/dev-token.ts';
import { createInterrupts } from '../../src/dev/processes/interrupts.ts';
import { findFreePort } from '../../src/dev/processes/ports.ts';
import { createCleanup, type Cleanup } from '../cleanup.ts';
import { setStage, startEnvironment } from '../environment.ts';
import { createPrograms } from '../systems/programs.ts';
import { ATTACKS } from './attacks.ts';
import { liveBeside } from './neighbor.ts';
import { attackInRounds, tableOf, type AttackResult, type Scene } from './rounds.ts';

const USAGE = `npm run corpus -- [options]
  --attacks LIST   of ${Object.keys(ATTACKS).join(', ')} (default: all)
  --rounds N       interleaved rounds of calm and attack, of which the median counts (default 3)
  --seconds N      of calm and of attack in each round (default 8)
  --out FILE       where the result goes (default bench/results/corpus.json)`;

const { values } = takeArguments(USAGE, {
  options: {
    attacks: { type: 'string', default: Object.keys(ATTACKS).join(',') },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '8' },
    out: { type: 'string', default: join(import.meta.dirname, '../results/corpus.json') },
  },
});

const WARM_UP_SECONDS = 20;

const log = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

async function run(names: readonly string[], cleanup: Cleanup): Promise<boolean> {
  const environment = await startEnvironment(cleanup, log);
  const stage = await setStage(environment, { name: 'corpus' }, cleanup);
  const inspectPort = await findFreePort();
  const env = { NODE_OPTIONS: `--inspect=127.0.0.1:${inspectPort}`, LOG_LEVEL: 'error' };
  const server = await createPrograms(stage, { env, profileFolder: null }, cleanup).startCombined();
  const tokenOf = (tenant: string): Promise<string> =>
    signDevToken({
      secret: stage.jwtSecret,
      issuer: TOKEN_ISSUER,
      audience: TOKEN_AUDIENCE,
      tenant,
      scopes: SCOPES,
      ttlSeconds: 24 * 3_600,
    });
  const scene: Scene = {
    url: server.url,
    pid: server.pid,
    inspectPort,
    attacker: await tokenOf('attacker'),
    neighbor: await tokenOf('demo'),
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    log,
  };
  const results: AttackResult[] = [];
  await liveBeside(server.url, scene.neighbor, WARM_UP_SECONDS);
  for (const name of names) {
    results.push(await attackInRounds(scene, name));
    await sleep(2_000);
  }
  process.stdout.write(`${tableOf(results)}\n`);
  await writeFile(values.out, `${JSON.stringify({ at: new Date().toISOString(), results }, null, 2)}\n`);
  await server.stop();
  return results.every(({ verdict }) => verdict === 'held');
}

const names = values.attacks.split(',');
const unknown = names.filter((name) => !Object.hasOwn(ATTACKS, name));
const numbers = [values.rounds, values.seconds].map(Number);
if (unknown.length > 0 || !numbers.every((number) => Number.isInteger(number) && number > 0)) {
  log(`${unknown.length > 0 ? `there is no attack ${unknown.join(', ')}` : 'not a positive whole number'}\n\n${USAGE}`);
  process.exit(2);
}
const interrupts = createInterrupts(process, { watchParent: process.env['npm_lifecycle_event'] !== undefined });
const cleanup = createCleanup();
const work = run(names, cleanup);
try {
  const passed = await Promise.race([work, interrupts.stopped]);
  process.exitCode = passed === true ? 0 : 1;
} finally {
  await cleanup.run();
  await work.catch(() => {});
}
