import { extname, join } from 'node:path';
import type { DataConverter } from '@temporalio/common';
import { createPayloadCodec, type PayloadSealing } from './payload-codec.ts';

/** The module of the failure converter, in the sources or in what was compiled from them. */
const SEALED_FAILURES = join(import.meta.dirname, `sealed-failures${extname(import.meta.filename)}`);

/** Whether the messages of failures are sealed too. */
export function sealsFailures(sealing: PayloadSealing | null): boolean {
  return sealing !== null && sealing.mode !== 'read';
}

/** What clients and workers convert payloads with; nothing without sealing. */
export function dataConverterOf(sealing: PayloadSealing | null): { readonly dataConverter?: DataConverter } {
  if (sealing === null) return {};
  const failures = sealsFailures(sealing) ? { failureConverterPath: SEALED_FAILURES } : {};
  return { dataConverter: { payloadCodecs: [createPayloadCodec(sealing)], ...failures } };
}
