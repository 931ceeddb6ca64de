import { ROLE_NAMES, ROLES, type Role } from '../../src/domain/access/roles.ts';
import { SCOPE_BUNDLES, SCOPES } from '../../src/domain/access/scopes.ts';
import { renderTable } from '../markdown-table.ts';
import { listOperations, reachOf, type Operation } from '../role-matrix.ts';

/** `docs/roles.md`, made from the roles and the routes. */
export function renderRoleReference(): string {
  const operations = listOperations();
  const guarded = operations.filter(({ scopes }) => scopes.length > 0);
  const open = operations.filter(({ scopes }) => scopes.length === 0).map(({ name }) => `\`${name}\``);
  return `# Roles

<!-- Made by \`npm run docs\` from src/domain/access/ and the routes of the API. -->

Who may do what with the API. \`tests/tenants/role-matrix.test.ts\` asks for every cell of the last table over HTTP, with
things of the caller's own tenant, of another tenant and, for customers, of another person.

## What a token says

- \`tenant\`: the seller. No role and no scope reaches into another tenant, except \`platform:\` scopes, which are about
  the parts that all tenants share (consumers of the event log).
- \`sub\`: the person or program. Each order stores who placed it.
- \`scope\` or \`scp\`: scopes, as words or as a list. Tokens without roles are limited by their scopes alone.
- Roles stand in the claim that \`JWT_ROLES_CLAIM\` names: by its name, or by the path to it (\`realm_access.roles\`).
  Without this setting roles count for nothing. \`JWT_ROLES=shop-agents=support,shop-owners=admin\` translates the names of
  an identity provider; a role that is not translated has its own name there.
- A token with roles and scopes may do what both allow: the roles belong to the person, the scopes to the program that
  acts for the person. So neither can widen the other. Several roles add up.

\`npm start\` reads the claim \`roles\`: \`npm run --silent token -- --roles customer --subject ada\` makes a token.

## Roles

${renderTable(
  ['Role', 'Who', 'Scopes'],
  ROLE_NAMES.map((role) => [`\`${role}\``, ROLES[role].description, scopesText(role)]),
)}

A **customer** reaches only orders that the same subject has placed; all others are 404, and lists leave them out. Where
the shop places orders for its buyers, the shop is the subject, and buyers ask the shop. Keys (\`Idempotency-Key\`) of a
customer are the customer's own. A **storefront** and **support** may cancel: within the cancel window a cancel pays back
in full, which is the contract with the buyer (\`CANCEL_WINDOW_MINUTES=0\` ends it). Refunds need \`refunds:write\`.

## Scopes that contain others

${renderTable(
  ['Scope', 'Contains'],
  SCOPES.flatMap((scope) => {
    const contained = SCOPE_BUNDLES[scope];
    return contained === undefined ? [] : [[`\`${scope}\``, contained.map((one) => `\`${one}\``).join(', ')]];
  }),
)}

## Every operation

\`all\`: within the tenant. \`own\`: orders that the caller has placed. Empty: 403.

${renderTable(
  ['Operation', 'Scope', ...ROLE_NAMES],
  guarded.map((operation) => [
    `\`${operation.name}\``,
    operation.scopes.map((scope) => `\`${scope}\``).join(' and '),
    ...ROLE_NAMES.map((role) => cellOf(role, operation)),
  ]),
)}

Without a token: ${open.join(', ')}.
`;
}

function cellOf(role: Role, operation: Operation): string {
  const reach = reachOf(role, operation);
  if (reach === 'none') return '';
  if (operation.scopes.some((scope) => scope.startsWith('platform:'))) return 'all tenants';
  return operation.path.startsWith('/v1/orders') ? reach : 'all';
}

function scopesText(role: Role): string {
  if (role === 'admin') return 'all but `platform:`';
  return ROLES[role].scopes.map((scope) => `\`${scope}\``).join(', ');
}
