const { env } = process;

/** The variables that the benchmark starts the processes of the textbook, the floor and the peers with. */
export const settings = {
  port: Number(env['PORT']),
  readyPort: Number(env['READY_PORT']),
  databaseUrl: env['DATABASE_URL'] ?? '',
  temporalAddress: env['TEMPORAL_ADDRESS'] ?? '',
  restateUrl: env['RESTATE_URL'] ?? '',
  paymentGatewayUrl: env['PAYMENT_GATEWAY_URL'] ?? '',
  smtpUrl: env['SMTP_URL'] ?? '',
  jwtSecret: env['JWT_SECRET'] ?? '',
};

/** Connections of a process to each database, as the product's default (`DATABASE_POOL_SIZE`). */
export const POOL_SIZE = 20;

/** Orders that a process of API and worker carries at a time, as the product's default (`EAGER_SLOTS`). */
export const ORDERS_IN_FLIGHT = 24;
