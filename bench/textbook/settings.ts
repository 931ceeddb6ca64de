const { env } = process;

/** What the benchmark starts both processes with. */
export const settings = {
  port: Number(env['PORT']),
  readyPort: Number(env['READY_PORT']),
  databaseUrl: env['DATABASE_URL'] ?? '',
  temporalAddress: env['TEMPORAL_ADDRESS'] ?? '',
  paymentGatewayUrl: env['PAYMENT_GATEWAY_URL'] ?? '',
  smtpUrl: env['SMTP_URL'] ?? '',
  jwtSecret: env['JWT_SECRET'] ?? '',
  workflowType: env['WORKFLOW_TYPE'] ?? '',
};
