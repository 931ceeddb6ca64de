import { eventsPage } from './events-page.ts';
import { moneyPage } from './money-page.ts';
import { ordersPage } from './orders-page.ts';
import { renderPage, type Page } from './panels.ts';
import { temporalPage } from './temporal-page.ts';
import { workersPage } from './workers-page.ts';

/** The pages of Grafana, by the name of their file. */
const PAGES: Readonly<Record<string, Page>> = {
  orders: ordersPage,
  money: moneyPage,
  events: eventsPage,
  workers: workersPage,
  temporal: temporalPage,
};

/** A renderer per file, from the project's root. */
export const DASHBOARDS: Readonly<Record<string, () => string>> = Object.fromEntries(
  Object.entries(PAGES).map(([name, page]) => [`ops/grafana/dashboards/${name}.json`, () => renderPage(page)]),
);
