import { constants, performance, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { watchEventLoop } from './event-loop-watch.ts';

/** A figure of this process, by the name that it has in the metrics. */
export interface ProcessFigure {
  /** A counter only grows; its metric ends in `_total`. */
  readonly kind: 'counter' | 'gauge';
  readonly name: string;
  readonly description: string;
  /** The values, each with its labels. */
  read(this: void): readonly FigureValue[];
}

export type FigureValue = readonly [value: number, labels: Readonly<Record<string, string>>];

/** Microseconds of a second. */
const MICROSECONDS = 1e6;

/** Delays are judged over this time, so that each scrape sees the last blocks even when others have just asked. */
const DELAY_WINDOW_MS = 15_000;

/** Starts to measure this process: CPU, memory, event loop and garbage collection. */
export function startProcessFigures(): readonly ProcessFigure[] {
  const delay = watchEventLoop(DELAY_WINDOW_MS);
  const collection = watchGarbageCollection();
  const memory = (of: keyof NodeJS.MemoryUsage) => () => process.memoryUsage()[of];
  return [
    counter('process_cpu_seconds', 'CPU time of the process', () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / MICROSECONDS;
    }),
    gauge('process_uptime_seconds', 'Time since the process started', () => process.uptime()),
    gauge('process_resident_memory_bytes', 'Memory of the process', () => process.memoryUsage.rss()),
    gauge('nodejs_heap_used_bytes', 'Heap in use', memory('heapUsed')),
    gauge('nodejs_heap_total_bytes', 'Heap that is reserved', memory('heapTotal')),
    gauge('nodejs_external_memory_bytes', 'Memory outside of the heap that objects hold', memory('external')),
    gauge(
      'nodejs_eventloop_delay_p99_seconds',
      'Delay of the event loop, 99th percentile of some seconds',
      () => delay.p99DelayMs() / 1_000,
    ),
    gauge(
      'nodejs_eventloop_delay_max_seconds',
      'Longest delay of the event loop in some seconds',
      () => delay.longestDelayMs() / 1_000,
    ),
    counter('nodejs_eventloop_active_seconds', 'Time in which the event loop was not idle', () => {
      return performance.eventLoopUtilization().active / 1_000;
    }),
    counter('nodejs_gc_seconds', 'Time of garbage collections', collection.seconds),
    counter('nodejs_gc_major', 'Garbage collections of the whole heap', collection.majors),
  ];
}

function counter(name: string, description: string, read: () => number): ProcessFigure {
  return { kind: 'counter', name, description, read: () => [[read(), {}]] };
}

function gauge(name: string, description: string, read: () => number): ProcessFigure {
  return { kind: 'gauge', name, description, read: () => [[read(), {}]] };
}

interface GarbageCollection extends Pick<PerformanceEntry, 'duration'> {
  readonly detail: { readonly kind: number };
}

function watchGarbageCollection() {
  let seconds = 0;
  let majors = 0;
  new PerformanceObserver((list) => {
    for (const { duration, detail } of list.getEntries() as unknown as GarbageCollection[]) {
      seconds += duration / 1_000;
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) majors += 1;
    }
  }).observe({ entryTypes: ['gc'] });
  return { seconds: () => seconds, majors: () => majors };
}
