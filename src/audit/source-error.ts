/** A source of facts did not answer, so nothing is proved or disproved. */
export class SourceUnavailableError extends Error {
  /** The source in words, for example `Temporal`. */
  readonly source: string;
  constructor(source: string, cause: unknown) {
    super(`${source} cannot be read: ${cause instanceof Error ? describe(cause) : String(cause)}`, { cause });
    this.name = 'SourceUnavailableError';
    this.source = source;
  }
}

/** Names the source in every error that occurs while it is read. */
export async function reading<Result>(source: string, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw new SourceUnavailableError(source, error);
  }
}

/** `fetch` and gRPC give little detail themselves; their cause says what happened. */
function describe(error: Error): string {
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? `${error.message} (${cause.message})` : error.message;
}
