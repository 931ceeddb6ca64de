import type { DatabaseUrls } from '../../db/client.ts';
import { archiveAs } from './archived-orders.ts';

// One run of the job in a process of its own, which a test kills. The argument is the URLs of the services as JSON.
await archiveAs(JSON.parse(process.argv[2] ?? '') as DatabaseUrls);
