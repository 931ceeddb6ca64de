import { afterAll, beforeAll, expect, it } from 'vitest';
import { startProcessSystem, type ProcessSystem } from '../support/processes/process-system.ts';
import { findTestPort } from '../support/ports.ts';

let system: ProcessSystem;
let internal: string;
beforeAll(async () => {
  system = await startProcessSystem(['combined'], {
    WORKER_METRICS_PORT: String(await findTestPort()),
  });
  internal = system.internalUrlOf('combined');
});
afterAll(() => system.stop());

it('The internal port shows the metrics of the process, of the API and of the core, each declared once', async () => {
  const text = await (await fetch(`${internal}/metrics`)).text();
  const declared = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
  expect(declared).toEqual(expect.arrayContaining(['process_ready', 'process_event_loop_delay_seconds']));
  expect(declared).toEqual(expect.arrayContaining(['http_server_request_duration', 'temporal_up']));
  expect(declared.filter((name) => name.startsWith('temporal_worker_')).length).toBeGreaterThan(0);
  expect(new Set(declared).size).toBe(declared.length);
  expect(text).toMatch(/^process_ready 1$/m);
});
