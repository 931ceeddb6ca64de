import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeArguments } from '../../runtime/command-arguments.ts';
import { type Config, loadConfig } from '../../config.ts';
import { localHttpUrl } from '../../runtime/local-address.ts';
import { systemLine } from '../../runtime/system-line.ts';
import { createTemporalClient } from '../../temporal/connection.ts';
import { createInterrupts } from '../processes/interrupts.ts';
import { dataFolderOf } from '../data-folder.ts';
import { dataPaths } from '../dev-files.ts';
import { signDevToken } from '../dev-token.ts';
import { createShop } from './client.ts';
import { createNarrator } from './narrator.ts';
import { DemoCannotRunError, runDemo } from './run-demo.ts';
import { startSecondProcess } from './second-process.ts';
import { DEMO_TENANT } from './stage.ts';
import { createTemporalView } from './temporal-view.ts';

const USAGE = `npm run demo
  Plays six orders, a crash among them, on the system that npm start runs beside it.`;

/** The demo takes half a minute; its token is valid for ten minutes. */
const TOKEN_TTL_SECONDS = 600;

/** The exit code that shells use for a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

// Entry of `npm run demo`: plays six scenarios on the system that `npm start` runs.
process.exit(await main());

async function main(): Promise<number> {
  takeArguments(USAGE, { options: {} });
  console.error(systemLine(process.env));
  // Ctrl-C only aborts `stop`: every way out ends the processes that the demo has started.
  const { stop } = createInterrupts(process, { watchParent: process.env['npm_lifecycle_event'] !== undefined });
  try {
    if (process.env['JWT_SECRET'] === undefined && process.env['DATABASE_URL'] === undefined) {
      const { environmentFile } = dataPaths(dataFolderOf(process.env));
      throw new DemoCannotRunError(`there is no ${environmentFile} yet, and no variables say where a system is`);
    }
    return await play(loadConfig(process.env), stop);
  } catch (error) {
    if (stop.aborted) {
      console.error('\nnpm run demo: interrupted; what it had started is stopped, accepted orders go on by themselves');
      return EXIT_INTERRUPTED;
    }
    console.error(`npm run demo: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

async function play(config: Config, signal: AbortSignal): Promise<number> {
  const { simulatorUrl } = config.payment;
  if (simulatorUrl === null)
    throw new DemoCannotRunError(
      'PAYMENT_PROVIDER is not the simulator, and only that declines and delays payments as told',
    );
  const folder = await mkdtemp(join(tmpdir(), 'order-saga-demo-'));
  const client = createTemporalClient(config.temporal);
  const apiUrl = localHttpUrl(config.api.host, config.api.port);
  try {
    return await runDemo({
      apiUrl,
      variables: process.env,
      folder,
      stage: {
        shop: createShop({ apiUrl, simulatorUrl, token: await tokenFor(config), signal }),
        temporal: createTemporalView(client, signal),
        narrator: createNarrator(console.log),
        startSecondProcess: () => startSecondProcess({ variables: process.env, folder, signal }),
        signal,
      },
    });
  } finally {
    await client.connection.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function tokenFor({ jwt }: Config): Promise<string> {
  if (jwt.secret === null) throw new DemoCannotRunError('without JWT_SECRET it cannot make itself a token');
  return signDevToken({
    secret: jwt.secret,
    issuer: jwt.issuer,
    audience: jwt.audience,
    tenant: DEMO_TENANT,
    scopes: ['orders:write', 'orders:read'],
    ttlSeconds: TOKEN_TTL_SECONDS,
  });
}
