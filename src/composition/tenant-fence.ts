import { isHeldByPolicies } from '../../db/tenant-fence.ts';
import type { ProcessContext } from './resources.ts';

/**
 * Makes sure that the setting and the role of the database belong together. A role that policies hold sees no row at all
 * when the setting is off, so every order would be "not found"; a role that they do not hold makes the setting a fence
 * that is not there.
 * @throws {Error} that says which of the two to change.
 */
export async function requireFence({ config, logger, resources }: ProcessContext): Promise<void> {
  const { isFenced } = config.database;
  let isHeld: boolean;
  try {
    isHeld = await isHeldByPolicies(resources.databases.orders);
  } catch (err) {
    logger.warn({ err }, 'whether row-level security holds this process is not known: the database does not answer');
    return;
  }
  if (isHeld === isFenced) return;
  throw new Error(
    isFenced
      ? 'DATABASE_ROW_LEVEL_SECURITY is true, but the role of DATABASE_URL is not held by policies: log in as a member of order_saga_api'
      : 'the role of DATABASE_URL is held by policies: set DATABASE_ROW_LEVEL_SECURITY=true',
  );
}
