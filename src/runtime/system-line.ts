import { localHttpUrl } from './local-address.ts';

/**
 * Names the system that a tool uses, on one line and without secrets, by the settings that it was given or that `npm
 * start` has left for it.
 */
export function systemLine(env: Readonly<Record<string, string | undefined>>, namedApi: string | null = null): string {
  const api = namedApi ?? (env['API_URL'] || localHttpUrl(env['API_HOST'] || '127.0.0.1', env['API_PORT'] || '8080'));
  const temporal = env['TEMPORAL_ADDRESS'] || '127.0.0.1:7233';
  const namespace = env['TEMPORAL_NAMESPACE'] || 'default';
  return [
    `system: API ${withoutSecrets(api)}`,
    `Temporal ${temporal} (namespace ${namespace})`,
    `database ${withoutSecrets(env['ORDERS_DATABASE_URL'] || env['DATABASE_URL'] || 'not set')}`,
  ].join(', ');
}

function withoutSecrets(address: string): string {
  const url = URL.parse(address);
  return url === null
    ? address.replace(/\/\/.*@/, '//')
    : `${url.protocol}//${url.host}${url.pathname.replace(/\/$/, '')}`;
}
