import { createDatabase } from '../../db/client.ts';
import { createCatalogRepository } from '../../db/repositories/inventory/catalog-repository.ts';
import { SCOPES } from '../../src/domain/access/scopes.ts';
import { signDevToken, TOKEN_AUDIENCE, TOKEN_ISSUER } from '../../src/dev/dev-token.ts';
import type { Random } from '../random.ts';
import type { ChaosSystem } from '../system/system.ts';

/** A tenant and its share of the load. */
export interface Tenant {
  readonly id: string;
  readonly share: number;
  /**
   * Whether it hears of its orders by webhooks. Each delivery is a workflow with an activity of its own, which costs more
   * than the order; if all tenants had them, a machine of two cores would spend a run on little else.
   */
  readonly hasWebhooks: boolean;
}

/** Tenants of unequal rate: what a busy one suffers must not reach a quiet one. */
export const TENANTS: readonly Tenant[] = [
  { id: 'demo', share: 0.55, hasWebhooks: false },
  { id: 'acme', share: 0.25, hasWebhooks: true },
  { id: 'globex', share: 0.15, hasWebhooks: false },
  { id: 'initech', share: 0.05, hasWebhooks: true },
];

/** SKUs of each tenant. */
const SKUS = 80;

/** The exponent of Zipf's law by which SKUs are chosen: the first one is in every fifth line. */
const ZIPF = 1.1;

/** Lines of an order and pieces of a line, on average; see `order-plans.ts`. */
const PIECES_PER_ORDER = 2.2 * 1.6;

/** Every fourth SKU has three quarters of the pieces that are asked for, so the last orders compete for them. */
const SCARCE = { every: 4, supplied: 0.75 } as const;

const WEIGHTS = Array.from({ length: SKUS }, (_, rank) => 1 / (rank + 1) ** ZIPF);
const WEIGHT_SUM = WEIGHTS.reduce((sum, weight) => sum + weight, 0);

/** A SKU by its rank, from 0. */
export function skuOf(rank: number): string {
  return `CHAOS-${String(rank + 1).padStart(3, '0')}`;
}

/** The price of a SKU in minor units of EUR. */
export function priceOf(rank: number): number {
  return 500 + (rank % 37) * 125;
}

/** The rank of a SKU, chosen by Zipf's law. */
export function pickRank(random: Random): number {
  let left = random.next() * WEIGHT_SUM;
  for (const [rank, weight] of WEIGHTS.entries()) {
    left -= weight;
    if (left < 0) return rank;
  }
  return SKUS - 1;
}

/** A tenant, chosen by its share. */
export function pickTenant(random: Random): Tenant {
  let left = random.next();
  const found = TENANTS.find(({ share }) => (left -= share) < 0);
  return found ?? random.pick(TENANTS);
}

/** The pieces that a tenant begins with: enough of most SKUs, and too few of the scarce ones. */
function stockOf({ share }: Tenant, rank: number, orders: number): number {
  const asked = orders * share * PIECES_PER_ORDER * ((WEIGHTS[rank] ?? 0) / WEIGHT_SUM);
  const isScarce = rank % SCARCE.every === 1;
  return isScarce ? Math.max(3, Math.floor(asked * SCARCE.supplied)) : Math.ceil(asked * 2) + 50;
}

/** Gives every tenant its catalog and stock; a second call changes nothing. */
export async function seedTenants({ databaseUrl }: Pick<ChaosSystem, 'databaseUrl'>, orders: number): Promise<void> {
  const database = createDatabase({
    url: databaseUrl,
    poolSize: 1,
    applicationName: 'chaos-catalog',
    onIdleError: () => {},
  });
  try {
    const catalog = createCatalogRepository(database);
    for (const tenant of TENANTS) {
      const products = Array.from({ length: SKUS }, (_, rank) => ({
        sku: skuOf(rank),
        name: `Product ${rank + 1}`,
        priceMinor: priceOf(rank),
        currency: 'EUR',
        onHand: stockOf(tenant, rank, orders),
      }));
      await catalog.seed(tenant.id, products);
    }
  } finally {
    await database.close();
  }
}

/** A bearer token with all scopes of a tenant; `subject` is the person. */
export function signToken(jwtSecret: string, tenant: string, subject = 'shop'): Promise<string> {
  const scopes = SCOPES.filter((scope) => !scope.startsWith('platform:'));
  return signDevToken({
    secret: jwtSecret,
    issuer: TOKEN_ISSUER,
    audience: TOKEN_AUDIENCE,
    tenant,
    scopes,
    subject,
    ttlSeconds: 24 * 3_600,
  });
}
