import type { CatalogRepository, Product } from './repositories/inventory/catalog-repository.ts';

/** Tenants that get the development catalog: the default one, and a second to see that they do not share. */
const SEED_TENANTS = ['demo', 'acme'] as const;

const PRODUCTS = 1_000;
const PIECES_EACH = 10_000;

/** A product that can run out. */
const SCARCE: Product & { readonly onHand: number } = {
  sku: 'SKU-SCARCE',
  name: 'The last few',
  priceMinor: 9_900,
  currency: 'EUR',
  onHand: 5,
};

/** Seeds `SKU-0001` ... `SKU-1000` and `SKU-SCARCE` for each development tenant; existing products stay as they are. */
export async function seedCatalog(catalog: CatalogRepository): Promise<void> {
  const products = Array.from({ length: PRODUCTS }, (_, index) => {
    const number = String(index + 1).padStart(4, '0');
    // SKU-0001 costs 22.50, and prices repeat every 100 SKUs.
    const priceMinor = 2_250 + (index % 100) * 50;
    return { sku: `SKU-${number}`, name: `Product ${number}`, priceMinor, currency: 'EUR', onHand: PIECES_EACH };
  });
  for (const tenant of SEED_TENANTS) await catalog.seed(tenant, [...products, SCARCE]);
}
