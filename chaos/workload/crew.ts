import { createGoodClient, type GoodClient } from './good-client.ts';
import type { History } from '../history.ts';
import type { Random } from '../random.ts';
import type { ChaosSystem } from '../system/system.ts';
import { signToken, TENANTS, type Tenant } from './tenants.ts';

/** The programs and people of one tenant. */
export interface Crew {
  readonly tenant: Tenant;
  readonly shop: GoodClient;
  /** Programs that send events. */
  readonly producers: readonly GoodClient[];
  /** Two people who decide about cases. */
  readonly operators: readonly [GoodClient, GoodClient];
}

/** What all clients of a run share. */
export interface CrewOptions {
  readonly random: Random;
  readonly history: History;
  readonly signal: AbortSignal;
}

const PRODUCERS = 2;

/** The crews of all tenants, each client with a token of its own. */
export async function hireCrews(
  { apiUrls: urls, settings }: Pick<ChaosSystem, 'apiUrls' | 'settings'>,
  { random, history, signal }: CrewOptions,
): Promise<Crew[]> {
  const hire = async ({ id }: Tenant, name: string): Promise<GoodClient> => {
    const who = `${id}/${name}`;
    const token = await signToken(settings.jwtSecret, id, name);
    return createGoodClient({ who, urls, token, history, signal, random: random.branch(who) });
  };
  return Promise.all(
    TENANTS.map(async (tenant) => ({
      tenant,
      shop: await hire(tenant, 'shop'),
      producers: await Promise.all(Array.from({ length: PRODUCERS }, (_, n) => hire(tenant, `producer-${n + 1}`))),
      operators: [await hire(tenant, 'ada'), await hire(tenant, 'grace')] as const,
    })),
  );
}

/** The tenants with webhooks hear of their orders, cases and failed events at the receiver. */
export async function subscribeCrews(
  crews: readonly Crew[],
  { receiver }: Pick<ChaosSystem, 'receiver'>,
  run: string,
): Promise<void> {
  for (const { tenant, shop } of crews.filter((crew) => crew.tenant.hasWebhooks)) {
    const answer = await shop.ask({
      op: 'subscribe',
      method: 'POST',
      path: '/v1/webhooks',
      key: `webhook-${tenant.id}-${run}`,
      body: { url: `${receiver.url}/${tenant.id}`, events: ['order.*', 'case.*', 'event.failed'] },
      read: ({ id, secret }) => ({ id, secret }),
    });
    if (answer?.status !== 201) throw new Error(`${tenant.id} could not subscribe: ${answer?.status ?? 'no answer'}`);
  }
}
