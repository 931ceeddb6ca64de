import type { PaymentGateway } from './payment-gateway.ts';

/** A payment provider's gateway that knows when the provider has answered last. */
export interface WatchedPaymentGateway extends PaymentGateway {
  /** Whether a call of this process was answered in the last `ms` milliseconds; a declined charge is answered, too. */
  answeredWithin(ms: number): boolean;
}

/** Notes the answers to all calls, so that nobody has to ask a provider that is in use whether it is there. */
export function watchAnswers(gateway: PaymentGateway): WatchedPaymentGateway {
  let answeredAt = Number.NEGATIVE_INFINITY;
  const watch =
    <Request extends readonly unknown[], Answer>(call: (...request: Request) => Promise<Answer>) =>
    async (...request: Request): Promise<Answer> => {
      const answer = await call(...request);
      answeredAt = performance.now();
      return answer;
    };
  return {
    ...gateway,
    charge: watch(gateway.charge),
    lookup: watch(gateway.lookup),
    voidByKey: watch(gateway.voidByKey),
    capture: watch(gateway.capture),
    refund: watch(gateway.refund),
    movements: watch(gateway.movements),
    ping: watch(gateway.ping),
    answeredWithin: (ms) => performance.now() - answeredAt <= ms,
  };
}
