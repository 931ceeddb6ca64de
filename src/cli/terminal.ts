/** Where a command line comes from, and where its answers go. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a person looks at the answer, so that it may have colours. */
  readonly isTable: boolean;
  /** Whether a person can be asked. */
  readonly isInteractive: boolean;
  /** The answer, and nothing else. */
  print(text: string): void;
  /** What goes wrong, or how far it is. */
  tell(text: string): void;
  ask(question: string): Promise<string>;
}
