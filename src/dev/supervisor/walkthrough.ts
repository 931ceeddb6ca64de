import { relative, sep } from 'node:path';

/** The facts in the printed text. */
export interface WalkthroughOptions {
  readonly apiUrl: string;
  /** Where the pages for operators are: at the API's address, or at the internal one. */
  readonly operatorUrl: string;
  /** `null` for somebody else's Temporal, whose Web UI is not known. */
  readonly temporalUiUrl: string | null;
  readonly temporalNamespace: string;
  readonly inboxUrl: string | null;
  readonly token: string;
  readonly tokenFile: string;
  readonly dataFolder: string;
  readonly projectFolder: string;
  /** Whether Temporal's data is in our SQLite file. */
  readonly ownTemporal: boolean;
}

interface Example {
  readonly title: string;
  readonly keyPrefix: string;
  readonly sku: string;
  readonly quantity: number;
  readonly method: string;
  readonly lookFor: string;
}

const EXAMPLES: readonly Example[] = [
  {
    title: 'An order that succeeds: CONFIRMED within a second.',
    keyPrefix: 'demo-ok',
    sku: 'SKU-0001',
    quantity: 2,
    method: 'pm_ok',
    lookFor: 'one marker (the fast path) holds what each step came to; the confirmation is in the inbox',
  },
  {
    title: 'A declined payment: REJECTED, and the stock that was held for it is free again.',
    keyPrefix: 'demo-declined',
    sku: 'SKU-0002',
    quantity: 1,
    method: 'pm_declined',
    lookFor:
      'the fast path ends at the declined payment, then comes the undo of the hold; Completed, because no is an answer',
  },
  {
    title: 'Out of stock (there are 5): REJECTED before anything is paid.',
    keyPrefix: 'demo-scarce',
    sku: 'SKU-SCARCE',
    quantity: 6,
    method: 'pm_ok',
    lookFor: 'the fast path ends at the hold: there is no payment at all',
  },
];

/** The last text of `npm start`: addresses, token, three orders to paste and where to look at them. */
export function walkthrough(options: WalkthroughOptions): string {
  const tokenFile = shortPath(options.tokenFile, options.projectFolder);
  return [
    'Everything is running. Ctrl-C stops it in order; the next start finds the same orders.',
    '',
    ...addresses(options),
    '',
    `Token (tenant demo, all scopes, 30 days), also in ${tokenFile}:`,
    options.token,
    '',
    'Three orders to paste into another terminal, in this folder:',
    ...EXAMPLES.flatMap((example, index) => [
      '',
      `${index + 1}. ${example.title}`,
      ...describeExample(example, options, tokenFile),
    ]),
    '',
    'One of them again, in full (its id is in the answer above):',
    `curl -sS "${options.apiUrl}/v1/orders/ORDER_ID?wait=5" -H "Authorization: Bearer $(cat ${quoteForShell(tokenFile)})"`,
    '',
    ...durability(options),
  ].join('\n');
}

function addresses({ apiUrl, operatorUrl, temporalUiUrl, temporalNamespace, inboxUrl }: WalkthroughOptions): string[] {
  return [
    `  API      ${apiUrl}`,
    `  docs     ${operatorUrl}/docs`,
    ...(temporalUiUrl === null
      ? []
      : [`  Web UI   ${temporalUiUrl}/namespaces/${encodeURIComponent(temporalNamespace)}/workflows`]),
    ...(inboxUrl === null ? [] : [`  inbox    ${inboxUrl}`]),
  ];
}

function describeExample(example: Example, options: WalkthroughOptions, tokenFile: string): string[] {
  const { temporalUiUrl, temporalNamespace, apiUrl } = options;
  const namespace = encodeURIComponent(temporalNamespace);
  const workflow = `${temporalUiUrl ?? ''}/namespaces/${namespace}/workflows/order%2FORDER_ID`;
  return [
    createOrderCommand(example, apiUrl, tokenFile),
    ...(temporalUiUrl === null ? [] : [`   In the Web UI, ${workflow} : ${example.lookFor}.`]),
  ];
}

/** The command is one line, so that it can be pasted in one go. */
function createOrderCommand({ keyPrefix, sku, quantity, method }: Example, apiUrl: string, tokenFile: string): string {
  const order = {
    customer: { id: 'cust_42', email: 'ada@example.com' },
    currency: 'EUR',
    lines: [{ sku, quantity }],
    payment: { method },
  };
  return [
    `curl -sS "${apiUrl}/v1/orders"`,
    `-H "Authorization: Bearer $(cat ${quoteForShell(tokenFile)})"`,
    `-H "Idempotency-Key: ${keyPrefix}-$RANDOM-$RANDOM"`,
    `-H "Content-Type: application/json"`,
    `-d '${JSON.stringify(order)}'`,
  ].join(' ');
}

function durability({ ownTemporal, dataFolder, projectFolder }: WalkthroughOptions): string[] {
  const place = shortPath(dataFolder, projectFolder);
  if (!ownTemporal) return [`Data and logs are in ${place}; \`npm run reset\` removes them.`];
  return [
    `Data and logs are in ${place}; \`npm run reset\` removes them. The local Temporal server writes SQLite with`,
    'synchronous=NORMAL: it survives kill -9, but a power cut may lose its last moments. It is for development only.',
  ];
}

/** Quotes a word for a command line, because a path may contain blanks, quotes and dollar signs. */
function quoteForShell(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function shortPath(path: string, projectFolder: string): string {
  const below = relative(projectFolder, path);
  return below.startsWith(`..${sep}`) ? path : below;
}
