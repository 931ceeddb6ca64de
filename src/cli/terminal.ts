/** The input and output of a command line. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a person reads the answer, so that it may have colors. */
  readonly isTable: boolean;
  /** Whether a person can be asked. */
  readonly isInteractive: boolean;
  /** Prints the answer, and nothing else. */
  print(text: string): void;
  /** Prints errors and progress. */
  tell(text: string): void;
  ask(question: string): Promise<string>;
}
