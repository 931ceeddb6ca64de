import {
  STATUSES_IN_MOTION,
  type ServiceFigures,
  type ServiceFiguresRepository,
} from '../../../db/repositories/audit/service-figures.ts';
import { createSampler, type Sampler } from '../../runtime/sampler.ts';

/** What the databases say about the work of all tenants. */
export type ServiceMonitor = Sampler<ServiceFigures>;

/** As often as Prometheus usually asks. The statements take some milliseconds. */
const SAMPLE_INTERVAL_MS = 15_000;

const NONE = { count: 0, oldestSeconds: 0 };

/** Until the first answer. */
const NOTHING: ServiceFigures = {
  orders: STATUSES_IN_MOTION.map((status) => ({ status, ...NONE })),
  holds: { count: 0, overdueSeconds: 0 },
  unknownPayments: NONE,
  owedMoney: { ...NONE, byCurrency: {} },
  webhooks: NONE,
};

export function createServiceMonitor(figures: ServiceFiguresRepository): ServiceMonitor {
  return createSampler(SAMPLE_INTERVAL_MS, NOTHING, () => figures.read());
}
