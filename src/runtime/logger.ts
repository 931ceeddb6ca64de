import { pino, type Level } from 'pino';
import type { LogFields } from '../domain/log-fields.ts';
import { createLogSink, type LogSink } from './log-sink.ts';
import { activeTraceId } from './tracing/spans.ts';

/** A process's logger. It accepts only known fields, each in its one spelling (src/domain/log-fields.ts). */
export interface Logger extends Record<Level, LogLine>, Pick<LogSink, 'flush' | 'onDropped'> {
  isLevelEnabled(level: Level): boolean;
}

/** Writes a line. */
interface LogLine {
  (fields: LogFields, message: string): void;
  (message: string): void;
}

/** Fields of errors that may repeat customer data are not logged; only name, code, message and stack are. */
function serializeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = 'code' in error ? error.code : undefined;
  return { name: error.name, code, message: error.message, stack: error.stack };
}

/** The trace in which a line is written; a line that names a trace itself keeps that one. */
function traceFields(): LogFields {
  const traceId = activeTraceId();
  return traceId === null ? {} : { traceId };
}

interface LoggerOptions {
  readonly level: string;
  readonly service: string;
  /** Build of the program; its lines do not name one without it. */
  readonly build?: string | undefined;
  /** Turns a JSON line into another form, for people. */
  readonly format?: ((line: string) => string) | undefined;
}

/**
 * Writes one JSON object a line on standard output, unless another form is asked for. It fails open: a line that cannot
 * be written is dropped and counted, and the process continues.
 */
export function createLogger(options: LoggerOptions): Logger {
  const sink = createLogSink();
  const { format } = options;
  const settings = {
    level: options.level,
    base: {
      service: options.service,
      ...(options.build === undefined ? {} : { build: options.build }),
      pid: process.pid,
    },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: serializeError },
    mixin: traceFields,
    // A second line of defense: log calls name their fields, and none of these is among them.
    redact: ['authorization', 'email', 'phone', 'customer.email', 'customer.phone', 'headers.authorization'],
  };
  return Object.assign(
    pino(settings, format === undefined ? sink : { ...sink, write: (line) => sink.write(format(line)) }),
    {
      onDropped: sink.onDropped,
    },
  );
}
