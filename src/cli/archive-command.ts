import { createOrderArchive } from '../../db/repositories/order-archive.ts';
import { ARCHIVE_DAYS_MIN } from '../domain/order-settings.ts';
import { countOf, UsageError } from './command-line.ts';
import { withSystem, type SystemTools } from './system-commands.ts';

const DAY_MS = 86_400_000;

/**
 * Moves the orders that ended long ago into the archive, as the hourly job does, and for as long as one run of it.
 * @returns 0.
 */
export function runArchive({ config, options, terminal }: SystemTools): Promise<number> {
  const days = countOf(options, 'days') ?? config.storedData.archiveAfterDays;
  if (days === null) throw new UsageError('--days is required: ORDER_ARCHIVE_AFTER_DAYS is 0');
  if (days < ARCHIVE_DAYS_MIN) throw new UsageError(`--days: orders stay for ${ARCHIVE_DAYS_MIN} days at least`);
  return withSystem(config, 'order-saga-archive', async ({ databases }) => {
    const now = await databases.orders.now();
    const before = new Date(now.getTime() - days * DAY_MS);
    const archived = await createOrderArchive(databases).archive(before);
    terminal.print(options.json === true ? JSON.stringify({ archived }) : `${archived} order(s) moved to the archive`);
    return 0;
  });
}
