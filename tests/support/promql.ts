import { parser } from '@prometheus-io/lezer-promql';

/** A place of an expression where series are chosen. */
export interface Selector {
  readonly name: string;
  /** The matchers, by label; null for a matcher that is not `=`. */
  readonly matchers: ReadonlyMap<string, string | null>;
}

/** What an expression of PromQL asks for. */
export interface ReadExpression {
  /** The parts that are no PromQL. */
  readonly errors: readonly string[];
  readonly selectors: readonly Selector[];
  /** Labels by which it groups or joins. */
  readonly groupings: readonly string[];
}

/** Reads an expression. Grafana's variables stand in strings, except for the window of a rate. */
export function readExpression(given: string): ReadExpression {
  const expr = given.replaceAll('$__rate_interval', '5m');
  const errors: string[] = [];
  const selectors: Selector[] = [];
  const groupings: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ name, from, to, type, node }) => {
      if (type.isError) errors.push(`${expr} (at ${from})`);
      else if (name === 'VectorSelector') selectors.push(readSelector(node, expr));
      else if (name === 'LabelName' && node.parent?.name === 'GroupingLabels') groupings.push(expr.slice(from, to));
    },
  });
  return { errors, selectors, groupings };
}

type Node = ReturnType<typeof parser.parse>['topNode'];

function readSelector(node: Node, expr: string): Selector {
  const textOf = (of: Node, name: string): string => {
    const child = of.getChild(name);
    return child === null ? '' : expr.slice(child.from, child.to);
  };
  const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
  return {
    name: textOf(node, 'Identifier'),
    matchers: new Map(
      matchers.map((matcher) => {
        const value = textOf(matcher, 'StringLiteral').slice(1, -1);
        return [textOf(matcher, 'LabelName'), textOf(matcher, 'MatchOp') === '=' ? value : null];
      }),
    ),
  };
}
