/** Where profiles are sent. */
interface ProfilingSettings {
  /** The address of a Pyroscope server; profiles go to `/ingest` below it. */
  readonly serverAddress: string;
}

/** A process's continuous profiling. */
interface ContinuousProfiling {
  /** Sends the last profile, but waits no longer for the server than a stopping process can. */
  stop(): Promise<void>;
}

/** The last profile of a process, which waits for a hanging server no longer. */
const STOP_WITHIN_MS = 2_000;

/**
 * Sends profiles of wall and CPU time and of the heap of this thread all the time, when a server is configured. The
 * package is optional, and loaded only then.
 * @throws {Error} that says what to install when the package is missing.
 */
export async function startProfiling(
  settings: ProfilingSettings | null,
  { service }: { readonly service: string },
): Promise<ContinuousProfiling> {
  if (settings === null) return { stop: async () => {} };
  const { default: pyroscope } = await import('@pyroscope/nodejs').catch((cause: unknown) => {
    throw new Error('PYROSCOPE_SERVER_ADDRESS needs the optional package @pyroscope/nodejs, which is not installed', {
      cause,
    });
  });
  pyroscope.init({
    serverAddress: settings.serverAddress.replace(/\/$/, ''),
    appName: service,
    wall: { collectCpuTime: true },
    tags: { pid: process.pid },
  });
  pyroscope.start();
  return {
    stop: async () => {
      const limit = Promise.withResolvers<void>();
      const timer = setTimeout(limit.resolve, STOP_WITHIN_MS);
      await Promise.race([pyroscope.stop().catch(() => {}), limit.promise]);
      clearTimeout(timer);
    },
  };
}
