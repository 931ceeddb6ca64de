/** A source of facts did not answer: nothing is proved, neither way. */
export class SourceUnavailableError extends Error {
  /** The source in words, for example `Temporal`. */
  readonly source: string;
  constructor(source: string, cause: unknown) {
    super(`${source} cannot be read: ${cause instanceof Error ? describe(cause) : String(cause)}`, { cause });
    this.name = 'SourceUnavailableError';
    this.source = source;
  }
}

/** Names the source of whatever goes wrong while it is read. */
export async function reading<Result>(source: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw new SourceUnavailableError(source, error);
  }
}

/** `fetch` and gRPC say little themselves; what happened stands in their cause. */
function describe(error: Error): string {
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? `${error.message} (${cause.message})` : error.message;
}
