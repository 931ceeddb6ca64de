/** The parts of the OpenAPI document that requests are made from. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface DocumentedOperation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly example?: unknown;
}

/** A request with one unexpected part. */
export interface OddRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
}

/** Unusual texts in a target: NUL, half a surrogate pair, bytes that are not UTF-8, numbers beyond every range. */
const ODD_IN_TARGET = [
  '%00',
  'a%00b',
  '%ED%A0%80',
  '%ff',
  '%',
  '-1',
  '1e400',
  '9223372036854775808',
  '4294967296',
  'NaN',
];

/** Unusual texts in JSON. */
const ODD_IN_JSON = [
  String.raw`"\u0000"`,
  String.raw`"a\ud800"`,
  '1e400',
  '-9223372036854775809',
  '2147483648',
  '9007199254740991',
  'null',
  '"9999-12-31T23:59:59.999Z"',
  '"0000-01-01T00:00:00Z"',
];

const ODD_METHODS = ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'POST', 'PROPFIND', 'TRACE', 'QUERY'];

/** Every parameter and every field of every operation with each odd value, and every path with each odd method. */
export function oddRequests(document: ApiDocument): OddRequest[] {
  return Object.entries(document.paths).flatMap(([template, operations]) => {
    const path = template.replaceAll(/\{\w+\}/g, 'x1');
    const methods = ODD_METHODS.map((method) => ({ method, path }));
    const requests = Object.entries(operations).flatMap(([method, operation]) => [
      ...oddTargets(method.toUpperCase(), template, operation),
      ...oddBodies({ method: method.toUpperCase(), template }, operation, document),
    ]);
    return [...methods, ...requests];
  });
}

function oddTargets(method: string, template: string, { parameters = [] }: DocumentedOperation): OddRequest[] {
  const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const filled = (odd: string, value: string): string =>
    template.replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === odd ? value : plain(name)));
  const queries = parameters.filter((parameter) => parameter.in === 'query');
  return ODD_IN_TARGET.flatMap((value) => [
    ...names.map((name) => ({ method, path: filled(name, value) })),
    ...queries.map(({ name }) => ({ method, path: `${filled('', '')}?${name}=${value}` })),
  ]);
}

/** The usual value of a path parameter. */
function plain(name: string): string {
  const examples: Record<string, string> = {
    id: `ord_${'a'.repeat(26)}`,
    sku: 'SKU-0001',
    name: 'analytics',
    provider: 'simulator',
    template: 'order-confirmed',
  };
  return examples[name] ?? `msg_${'a'.repeat(26)}`;
}

function oddBodies(
  { method, template }: { readonly method: string; readonly template: string },
  { requestBody }: DocumentedOperation,
  document: ApiDocument,
): OddRequest[] {
  const schema = requestBody?.content['application/json']?.schema;
  if (schema === undefined) return [];
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => plain(name));
  const example = exampleOf(schema, document);
  return placesIn(example).flatMap((place) =>
    ODD_IN_JSON.map((value) => ({ method, path, body: withValue(example, place, value) })),
  );
}

function schemaAt(ref: string, { components }: ApiDocument): Schema {
  return components.schemas[ref.split('/').at(-1) ?? ''] ?? {};
}

function exampleOf(schema: Schema, document: ApiDocument): unknown {
  const { $ref, anyOf, allOf, properties, items, example } = schema;
  if ($ref !== undefined) return exampleOf(schemaAt($ref, document), document);
  if (properties !== undefined) {
    return Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, exampleOf(inner, document)]));
  }
  if (items !== undefined) return [exampleOf(items, document)];
  const [inner] = anyOf ?? allOf ?? [];
  if (inner !== undefined) return exampleOf(inner, document);
  return example ?? schema.enum?.[0] ?? 'x';
}

type Place = readonly (string | number)[];

/** The places of a value in an example. */
function placesIn(value: unknown, place: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return [place];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return entries.flatMap(([name, inner]) => placesIn(inner, [...place, name]));
}

function withValue(example: unknown, place: Place, json: string): string {
  const mark = '\u{1F4CD}';
  const marked = structuredClone(example) as Record<string | number, unknown>;
  let inner = marked;
  for (const name of place.slice(0, -1)) inner = inner[name] as Record<string | number, unknown>;
  const last = place.at(-1);
  if (last === undefined) return json;
  inner[last] = mark;
  return JSON.stringify(marked).replace(`"${mark}"`, json);
}
