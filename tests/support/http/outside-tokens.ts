import { hmacToken, validClaims } from './forged-tokens.ts';

/** An `Authorization` header of a client, and the status of `GET /v1/orders` with it. */
export interface OutsideToken {
  readonly name: string;
  readonly authorization: string;
  readonly statuses: readonly number[];
}

const IN = [200];
const OUT = [401];
const NOTHING_GRANTED = [403];

type Case = [name: string, token: string, statuses: readonly number[]];
type Forge = ReturnType<typeof createForge>;

/** Makes tokens with a good signature of the secret. */
function createForge(secret: string) {
  const now = Math.floor(Date.now() / 1_000);
  const claims = (change: Readonly<Record<string, unknown>>): string =>
    hmacToken(secret, { ...validClaims(), ...change });
  const header = (change: Readonly<Record<string, unknown>>): string => hmacToken(secret, validClaims(), change);
  const good = claims({});
  const [head = '', payload = '', signature = ''] = good.split('.');
  return { now, claims, header, good, head, payload, signature };
}

/** Odd tokens, most of them with a good signature. */
export function outsideTokens(secret: string): OutsideToken[] {
  const forge = createForge(secret);
  const { good } = forge;
  const themes = [timesCases, audiencesAndIssuersCases, tenantsAndSubjectsCases, scopesCases, headersCases, formsCases];
  const bearer = themes.flatMap((casesOf) => casesOf(forge));
  return [
    ...bearer.map(([name, token, statuses]) => ({ name, authorization: `Bearer ${token}`, statuses })),
    { name: 'a tab behind Bearer', authorization: `Bearer\t${good}`, statuses: OUT },
    { name: 'a comma behind the token', authorization: `Bearer ${good},`, statuses: OUT },
    { name: 'a parameter behind the token', authorization: `Bearer ${good} realm="a"`, statuses: OUT },
    { name: '8,000 blanks', authorization: `Bearer${' '.repeat(8_000)}${good}`, statuses: IN },
    { name: '8,000 blanks and nothing', authorization: `Bearer${' '.repeat(8_000)}!`, statuses: OUT },
    { name: 'Bearer in odd letters', authorization: `bEaReR ${good}`, statuses: IN },
    { name: 'DPoP', authorization: `DPoP ${good}`, statuses: OUT },
  ];
}

function timesCases({ now, claims }: Forge): Case[] {
  return [
    ['an end of a fraction', claims({ exp: now + 60.5 }), IN],
    ['an end within the tolerance', claims({ exp: now - 2, iat: now - 60 }), IN],
    ['an end at the epoch', claims({ exp: 0 }), OUT],
    ['an end of -0', claims({ exp: -0 }), OUT],
    ['an end in milliseconds', claims({ exp: (now + 60) * 1_000 }), OUT],
    ['an end of 2^53', claims({ exp: 2 ** 53 }), OUT],
    ['an end that is true', claims({ exp: true }), OUT],
    ['an end in a list', claims({ exp: [now + 60] }), OUT],
    ['an end of digits', claims({ exp: String(now + 60) }), OUT],
    ['an end that is null', claims({ exp: null }), OUT],
    ['a start that is over', claims({ nbf: 0 }), IN],
    ['a start that is negative', claims({ nbf: -1e308 }), [200, 401]],
    ['a start behind the end', claims({ nbf: now + 7_200 }), OUT],
    ['a start that is null', claims({ nbf: null }), OUT],
    ['an issue in the future', claims({ iat: now + 1_000 }), [200, 401]],
    ['an issue far in the past', claims({ iat: -1e15 }), OUT],
    ['an issue that is null', claims({ iat: null }), OUT],
    ['no issue', claims({ iat: undefined }), IN],
  ];
}

function audiencesAndIssuersCases({ claims }: Forge): Case[] {
  return [
    ['an audience among others', claims({ aud: ['a', 'order-saga'] }), IN],
    ['a thousand audiences', claims({ aud: Array.from({ length: 1_000 }, () => 'a') }), OUT],
    ['an audience in a list in a list', claims({ aud: [['order-saga']] }), OUT],
    ['an audience that is an object', claims({ aud: { 'order-saga': true } }), OUT],
    ['an audience with a blank', claims({ aud: 'order-saga ' }), OUT],
    ['an audience in capitals', claims({ aud: 'Order-Saga' }), OUT],
    ['an issuer with a slash', claims({ iss: 'order-saga/' }), OUT],
    ['an issuer that is an object', claims({ iss: { toString: 'order-saga' } }), OUT],
  ];
}

function tenantsAndSubjectsCases({ claims }: Forge): Case[] {
  return [
    ['the tenant __proto__', claims({ tenant: '__proto__' }), IN],
    ['the tenant constructor', claims({ tenant: 'constructor' }), IN],
    ['the tenant of a dot', claims({ tenant: '.' }), [200, 401]],
    ['the tenant of two dots', claims({ tenant: '..' }), [200, 401]],
    ['a tenant of another script', claims({ tenant: 'dеmo' }), OUT],
    ['a tenant that is a number too large', claims({ tenant: 1e308 }), OUT],
    ['a subject of marks', claims({ sub: '\u0301'.repeat(255) }), IN],
    ['a subject of emoji', claims({ sub: '🦄' }), IN],
    ['a subject of a line break', claims({ sub: 'a\r\nX-A: b' }), OUT],
    ['a subject of 8 KB', claims({ sub: 'a'.repeat(8_000) }), OUT],
  ];
}

function scopesCases({ claims }: Forge): Case[] {
  return [
    ['scopes in a list', claims({ scope: ['orders:read'] }), IN],
    ['scopes in scp', claims({ scope: undefined, scp: 'orders:read' }), IN],
    ['scopes with a tab between', claims({ scope: 'orders:write\torders:read' }), NOTHING_GRANTED],
    ['scopes with two blanks between', claims({ scope: 'orders:write  orders:read' }), IN],
    ['scopes with commas', claims({ scope: 'orders:read,orders:write' }), NOTHING_GRANTED],
    ['scopes in capitals', claims({ scope: 'ORDERS:READ' }), NOTHING_GRANTED],
    ['scopes that are a number', claims({ scope: 7 }), NOTHING_GRANTED],
    ['scopes that are null', claims({ scope: null }), NOTHING_GRANTED],
    ['scopes with a length', claims({ scope: { length: 1, 0: 'orders:read' } }), NOTHING_GRANTED],
    ['scopes of numbers and objects', claims({ scope: [0, null, {}, [], 'orders:read'] }), IN],
    ['2,000 scopes', claims({ scope: 'a '.repeat(2_000) }), NOTHING_GRANTED],
    ['scopes named __proto__', claims({ scope: '__proto__ constructor' }), NOTHING_GRANTED],
  ];
}

function headersCases({ header }: Forge): Case[] {
  return [
    ['a key id', header({ kid: 'another' }), IN],
    ['a key id of a path', header({ kid: '../../dev/null' }), IN],
    ['a key id of SQL', header({ kid: "' UNION SELECT '" }), IN],
    ['a key id that is an object', header({ kid: {} }), [200, 401]],
    ['a certificate', header({ x5c: ['MIIB'], x5u: 'http://127.0.0.1:9/', x5t: 'a' }), IN],
    ['a type of content', header({ cty: 'JWT' }), [200, 401]],
    ['an algorithm in small letters', header({ alg: 'hs256' }), OUT],
    ['an algorithm in a list', header({ alg: ['HS256'] }), OUT],
    ['an algorithm that is null', header({ alg: null }), OUT],
    ['an extension that is empty', header({ crit: [] }), OUT],
    ['an extension that is a text', header({ crit: 'exp' }), OUT],
    ['compression', header({ zip: 'DEF' }), [200, 401]],
    ['a type in odd letters', header({ typ: 'ApPlIcAtIoN/Jwt' }), IN],
    ['a type with a parameter', header({ typ: 'JWT; a=b' }), OUT],
  ];
}

function formsCases({ claims, head, payload, signature }: Forge): Case[] {
  return [
    ['a head of base64 with padding', `${head}=.${payload}.${signature}`, OUT],
    ['base64 that is not of URLs', `${head}.${payload}.${signature.slice(0, -2)}+/`, OUT],
    ['a signature with other unused bits', `${head}.${payload}.${nextLetter(signature)}`, [200, 401]],
    ['a head twice', `${head}.${head}.${payload}.${signature}`, OUT],
    ['dots alone', '.'.repeat(8_000), OUT],
    ['five parts', 'a.b.c.d.e', OUT],
    ['a payload of 60 levels', claims({ deep: JSON.parse(`${'['.repeat(1_000)}${']'.repeat(1_000)}`) as unknown }), IN],
    ['a payload of 11 KB', claims({ more: 'x'.repeat(8_000) }), IN],
    ['a token of 100 KB', claims({ more: 'x'.repeat(75_000) }), [431]],
  ];
}

/** The last letter of a signature of 256 bits has two bits without a meaning. */
function nextLetter(signature: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = letters.indexOf(signature.at(-1) ?? 'A');
  return signature.slice(0, -1) + letters.charAt(last ^ 1);
}
