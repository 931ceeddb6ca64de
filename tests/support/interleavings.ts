import fc from 'fast-check';

interface Plan<Scenario> {
  readonly scenario: fc.Arbitrary<Scenario>;
  readonly seed: number;
  readonly count: number;
  /** The number of the scenario to play alone; undefined for all. */
  readonly only: string | undefined;
  readonly atOnce: number;
}

/** Plays generated scenarios, some of them at once. Returns what failed, each with what is needed to play it again. */
export async function playScenarios<Scenario>(
  { scenario, seed, count, only, atOnce }: Plan<Scenario>,
  play: (scenario: Scenario) => Promise<void>,
): Promise<string[]> {
  const scenarios = fc.sample(scenario, { seed, numRuns: count }).map((value, index) => ({ value, index }));
  const waiting = only === undefined ? scenarios : scenarios.filter(({ index }) => index === Number(only));
  const failures: string[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { value, index } = next;
      await play(value).catch((error: unknown) => {
        failures.push(`seed ${seed}, number ${index}: ${JSON.stringify(value)}\n${String(error)}`);
      });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return failures;
}
