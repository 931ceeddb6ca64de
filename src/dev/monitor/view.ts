import { formatTable } from '../demo/table.ts';
import type { Snapshot } from './watch.ts';

/** Columns of the table of partitions before it continues in another one. */
const PARTITIONS_PER_ROW = 8;

/** Events per second between two snapshots. */
export interface Rates {
  readonly accepted: number;
  readonly consumers: readonly {
    readonly name: string;
    readonly processed: number;
    readonly failed: number;
    readonly retrying: number;
  }[];
}

/** Compares two snapshots; a consumer that is missing in the first one counts from 0. */
export function ratesBetween(before: Snapshot, now: Snapshot): Rates {
  const seconds = Math.max(0.001, (Date.parse(now.at) - Date.parse(before.at)) / 1_000);
  const perSecond = (from: number, to: number): number => Math.round(((to - from) / seconds) * 10) / 10;
  return {
    accepted: perSecond(before.accepted, now.accepted),
    consumers: now.consumers.map((consumer) => {
      const earlier = before.consumers.find(({ name }) => name === consumer.name);
      return {
        name: consumer.name,
        processed: perSecond(earlier?.processed ?? 0, consumer.processed),
        failed: perSecond(earlier?.failed ?? 0, consumer.failed),
        retrying: perSecond(earlier?.retrying ?? 0, consumer.retrying),
      };
    }),
  };
}

/** A snapshot as a page of text. */
export function pageOf(url: string, now: Snapshot, rates: Rates): string {
  return [
    `order-saga at ${url}, ${now.at.slice(11, 19)} UTC`,
    `events accepted: ${number(now.accepted)}, ${number(rates.accepted)}/s   ${receivedText(now)}`,
    consumersTable(now, rates),
    ...lagTables(now),
    `orders of the last ${now.orders.windowHours} hours: ${ordersText(now)}`,
  ].join('\n\n');
}

/** A snapshot as one line, for a log. */
export function lineOf(now: Snapshot, rates: Rates): string {
  const consumers = now.consumers.map(({ name, processed, failed, retrying, lag, oldestSeconds }) => {
    const rate = rates.consumers.find((each) => each.name === name)?.processed ?? 0;
    return `${name} ${processed} (${number(rate)}/s) failed ${failed} retrying ${retrying} lag ${lag} oldest ${age(oldestSeconds)}`;
  });
  return [
    now.at.slice(11, 19),
    `accepted ${now.accepted} (${number(rates.accepted)}/s)`,
    ...consumers,
    `orders ${ordersText(now)}`,
  ].join(' | ');
}

function consumersTable(now: Snapshot, rates: Rates): string {
  const rows = now.consumers.map((consumer) => {
    const rate = rates.consumers.find(({ name }) => name === consumer.name);
    const both = (total: number, perSecond = 0): string => `${number(total)}  ${signed(perSecond)}/s`;
    return [
      consumer.name + (consumer.paused ? ' (paused)' : ''),
      both(consumer.processed, rate?.processed),
      both(consumer.failed, rate?.failed),
      both(consumer.retrying, rate?.retrying),
      number(consumer.lag),
      age(consumer.oldestSeconds),
    ];
  });
  return formatTable(['consumer', 'processed', 'failed', 'retrying', 'lag', 'oldest'], rows);
}

/** One table for up to eight partitions: the lag and, where events wait, the age of the oldest. */
function lagTables({ consumers }: Snapshot): string[] {
  const count = Math.max(0, ...consumers.map(({ partitions }) => partitions.length));
  const starts = Array.from({ length: Math.ceil(count / PARTITIONS_PER_ROW) }, (_, row) => row * PARTITIONS_PER_ROW);
  return starts.map((start) => {
    const shown = consumers.map(({ name, partitions }) => ({
      name,
      partitions: partitions.slice(start, start + PARTITIONS_PER_ROW),
    }));
    const header = (shown[0]?.partitions ?? []).map(({ partition }) => String(partition));
    const rows = shown.map(({ name, partitions }) => [
      name,
      ...partitions.map(({ lag, oldestSeconds }) => (lag === 0 ? '0' : `${number(lag)} ${age(oldestSeconds)}`)),
    ]);
    return formatTable(['lag by partition', ...header], rows);
  });
}

function receivedText({ received }: Snapshot): string {
  const { accepted = 0, duplicate = 0, refused = 0 } = received;
  return `(this API process: ${number(accepted)} accepted, ${number(duplicate)} duplicates, ${number(refused)} refused)`;
}

function ordersText({ orders: { byStatus } }: Snapshot): string {
  const present = Object.entries(byStatus).filter(([, count]) => count > 0);
  return present.length === 0 ? 'none' : present.map(([status, count]) => `${status} ${number(count)}`).join(', ');
}

function age(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1_000)} ms`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}

function number(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 1 });
}

function signed(value: number): string {
  return value > 0 ? `+${number(value)}` : number(value);
}
