/** A metric in the Prometheus text: its HELP and TYPE, and the samples of all its series. */
interface Family {
  readonly head: readonly string[];
  readonly samples: string[];
}

/**
 * Joins texts in the Prometheus format. Metrics that several of them have become one, with the first one's HELP and
 * TYPE, because a parser refuses a metric that is declared twice.
 */
export function joinExpositions(texts: readonly string[]): string {
  const families = new Map<string, Family>();
  for (const text of texts) for (const [name, family] of familiesOf(text)) add(families, name, family);
  return [...families.values()].map(({ head, samples }) => `${[...head, ...samples].join('\n')}\n`).join('');
}

function add(families: Map<string, Family>, name: string, family: Family): void {
  const known = families.get(name);
  if (known === undefined) families.set(name, family);
  else known.samples.push(...family.samples);
}

/** Everything up to the next TYPE belongs to one metric; its HELP comes before its TYPE. */
function familiesOf(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  let head: string[] = [];
  let current: Family | null = null;
  for (const line of text.split('\n').filter((given) => given !== '')) {
    const [, kind, name = ''] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
    if (kind === 'HELP') head = [line];
    else if (kind === 'TYPE') {
      current = { head: [...head, line], samples: [] };
      head = [];
      families.set(name, current);
    } else if (!line.startsWith('#')) current?.samples.push(line);
  }
  return families;
}
