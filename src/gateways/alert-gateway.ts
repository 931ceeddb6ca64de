import { createBreakers, type BreakerListener } from './circuit-breaker.ts';

/** Alerts a receiver outside at once. */
export interface AlertGateway {
  /**
   * Posts one alert without retrying. The receiver recognizes repeats by `id`.
   * @throws {Error} when the caller should try later.
   */
  send(id: string, alert: Readonly<Record<string, unknown>>): Promise<void>;
}

/** A slower receiver counts as unavailable, because later events of the same key wait for it. */
const TIMEOUT_MS = 2_000;

/** Posts JSON to an HTTP receiver with the header `Idempotency-Key`; any 2xx counts as received. */
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
