import { styleText } from 'node:util';

/** A fact that a scenario claims at its end. */
export interface Claim {
  readonly text: string;
  readonly holds: boolean;
}

/** Tells the scenarios on the terminal, line by line as they happen. */
export interface Narrator {
  /** Begins a scenario. */
  title(text: string): void;
  /** Says what happens now, with the seconds since the scenario began. */
  say(text: string): void;
  /** Says whether a claim is true. */
  check(claim: Claim): void;
  /** A line of its own. */
  print(text: string): void;
}

/** There are colors when standard output is a terminal and `NO_COLOR` is not set. */
export function createNarrator(print: (line: string) => void): Narrator {
  let begun = performance.now();
  return {
    title: (text) => {
      begun = performance.now();
      print(`\n${styleText('bold', text)}`);
    },
    say: (text) => {
      const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
      print(`  ${styleText('dim', `${seconds.padStart(5)} s`)}  ${text}`);
    },
    check: ({ text, holds }) => {
      print(`  ${holds ? styleText('green', '     ok') : styleText('red', 'NOT SO:')}  ${text}`);
    },
    print,
  };
}
