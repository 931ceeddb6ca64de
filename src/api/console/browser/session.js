/** The token lives as long as the tab: it is in no cookie and in nothing that outlives the session. */
const KEY = 'order-saga-token';

/** The token, or null. */
export function token() {
  return sessionStorage.getItem(KEY);
}

/** Keeps a token for this tab. */
export function signIn(value) {
  sessionStorage.setItem(KEY, value);
}

/** Forgets the token. */
export function signOut() {
  sessionStorage.removeItem(KEY);
}

/** The person who is signed in, as stated by the token. It is only shown: the server reads the token itself. */
export function who() {
  try {
    const [, payload] = (token() ?? '').split('.');
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.codePointAt(0));
    const { sub, tenant, scope, scp } = JSON.parse(new TextDecoder().decode(bytes));
    return { subject: String(sub), tenant: String(tenant), scopes: [scope, scp].flatMap(scopesOf) };
  } catch {
    return { subject: '?', tenant: '?', scopes: [] };
  }
}

/** As the server reads them: words of a text, or a list. */
function scopesOf(claim) {
  if (typeof claim === 'string') return claim.split(' ');
  return Array.isArray(claim) ? claim : [];
}

/** Scopes that stand for several others, as the server knows them. */
const BUNDLES = {
  'orders:cancel': 'orders:write',
  'captures:write': 'orders:write',
  'refunds:write': 'orders:write',
  'ops:cases': 'ops:write',
  'ops:retry-with': 'ops:write',
};

/**
 * Whether the token may allow a scope. A token without scopes has roles, which only the server can read: then every
 * button works, and the server answers.
 */
export function may(scope) {
  const scopes = who().scopes.filter((word) => word.includes(':'));
  return scopes.length === 0 || scopes.includes(scope) || scopes.includes(BUNDLES[scope]);
}
