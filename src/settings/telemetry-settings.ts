import { z } from 'zod';

/** Variables of traces and profiles, named as OpenTelemetry's and Pyroscope's own tools name them. */
export const TELEMETRY_VARIABLES = {
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(0.1),
  PYROSCOPE_SERVER_ADDRESS: z.url({ protocol: /^https?$/ }).optional(),
} as const;

const telemetryVariables = z.object(TELEMETRY_VARIABLES);

/** Where spans and profiles go; null where no address is set: then nothing is made, and no package is loaded. */
export function telemetryOf(env: z.output<typeof telemetryVariables>) {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: ratio } = env;
  const { PYROSCOPE_SERVER_ADDRESS: serverAddress } = env;
  return {
    tracing: endpoint === undefined ? null : { endpoint, ratio },
    profiling: serverAddress === undefined ? null : { serverAddress },
  };
}
