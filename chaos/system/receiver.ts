import { existsSync } from 'node:fs';
import { z } from 'zod';
import { LOOPBACK } from '../../src/dev/processes/ports.ts';
import { readWholeLines } from '../whole-lines.ts';

const receivedSchema = z.object({
  /** Milliseconds since 1970. */
  at: z.number(),
  /** Its `webhook-id`, the same in each repeat. */
  id: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
  /** The status that it was answered with; 0 when the connection was reset instead. */
  answered: z.number(),
});

/** One webhook as it arrived, whatever it was answered. */
export type ReceivedWebhook = Readonly<z.output<typeof receivedSchema>>;

/** How a merchant's server answers: takes everything, refuses with a status, or takes the message and resets. */
export const receiverModeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.enum(['take', 'reset']) }),
  z.object({ kind: z.literal('refuse'), status: z.number() }),
]);
export type ReceiverMode = Readonly<z.output<typeof receiverModeSchema>>;

/** Where the receiver takes alerts about events, which it does not keep. */
export const ALERTS_PATH = '/alerts';

/** Where the harness changes the mode. */
export const MODE_PATH = '/mode';

const CALL_WITHIN_MS = 2_000;

/** A merchant's server for webhooks and alerts. */
export interface Receiver {
  /** Everything that has arrived so far. */
  received(): Promise<ReceivedWebhook[]>;
  /** Changes how it answers; a process that starts again takes everything. @throws {Error} when it does not run. */
  answer(mode: ReceiverMode): Promise<void>;
}

/** The receiver whose process listens on the port and writes the file. */
export function openReceiver({ port, file }: { readonly port: number; readonly file: string }): Receiver {
  return {
    // The file begins with the first delivery.
    received: async () => z.array(receivedSchema).parse(existsSync(file) ? await readWholeLines(file) : []),
    answer: async (mode) => {
      const response = await fetch(`http://${LOOPBACK}:${port}${MODE_PATH}`, {
        method: 'PUT',
        body: JSON.stringify(mode),
        signal: AbortSignal.timeout(CALL_WITHIN_MS),
      });
      if (!response.ok) throw new Error(`the receiver answered ${response.status}`);
    },
  };
}
