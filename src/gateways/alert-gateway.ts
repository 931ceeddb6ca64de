import { createBreakers, type BreakerListener } from './circuit-breaker.ts';

/** Tells somebody outside at once. */
export interface AlertGateway {
  /** Posts one alert, without retrying; the receiver knows repeats by `id`. @throws {Error} try later. */
  send(id: string, alert: Readonly<Record<string, unknown>>): Promise<void>;
}

/** A receiver that takes longer is as good as away: the events of the same key wait behind it. */
const TIMEOUT_MS = 2_000;

/** Creates the adapter of an HTTP receiver: a POST of JSON with the header `Idempotency-Key`, answered by any 2xx. */
export function createHttpAlertGateway(url: string, onBreakerChange: BreakerListener): AlertGateway {
  const breakers = createBreakers(() => true, onBreakerChange);
  return {
    send: (id, alert) =>
      breakers.run(
        'alert',
        async () => {
          const response = await fetch(url, {
            method: 'POST',
            redirect: 'error',
            headers: { 'content-type': 'application/json', 'idempotency-key': id },
            body: JSON.stringify(alert),
            signal: AbortSignal.timeout(TIMEOUT_MS),
          });
          await response.body?.cancel().catch(() => {});
          if (!response.ok) throw new Error(`the receiver of alerts answered ${response.status}`);
        },
        () => new Error('the circuit breaker around the receiver of alerts is open'),
      ),
  };
}
