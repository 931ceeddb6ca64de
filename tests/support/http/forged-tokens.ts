import { createHmac, generateKeyPairSync } from 'node:crypto';
import { EncryptJWT, exportJWK, SignJWT, type JWTHeaderParameters } from 'jose';

type Claims = Record<string, unknown>;

/** All claims of a valid token, with a lifetime of an hour. */
export function validClaims(): Claims {
  const now = Math.floor(Date.now() / 1_000);
  return {
    iss: 'order-saga',
    aud: 'order-saga',
    sub: 'forger',
    tenant: 'demo',
    scope: 'orders:read orders:write',
    iat: now,
    exp: now + 3_600,
  };
}

/** A token (HS256) with these claims and header members, signed with this secret. */
export function hmacToken(secret: string, claims: Claims, header: Record<string, unknown> = {}): string {
  return signed(secret, { typ: 'JWT', ...header }, JSON.stringify(claims));
}

function signed(secret: string, header: Record<string, unknown>, claims: string): string {
  return resign(secret, `${segment({ alg: 'HS256', ...header })}.${Buffer.from(claims).toString('base64url')}`);
}

function segment(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** `Authorization` headers with a good signature and wrong claims, by the mistake. */
export function wrongAuthorizations(secret: string): ReadonlyMap<string, string> {
  return new Map(wrongClaims(secret).map(([name, token]) => [name, `Bearer ${token}`]));
}

/** `Authorization` headers with a token that is not properly signed, by the mistake. */
export async function forgedAuthorizations(secret: string): Promise<ReadonlyMap<string, string>> {
  const tokens = [...wrongClaims(`${secret}x`), ...brokenTokens(secret), ...(await wrongKeys(secret))];
  return new Map(tokens.map(([name, token]) => [name, `Bearer ${token}`]));
}

/** `Authorization` headers without a token, by the mistake. */
export function oddAuthorizations(secret: string): ReadonlyMap<string, string> {
  const forged = new Map<string, string>();
  const valid = hmacToken(secret, validClaims());
  for (const header of ['', 'Bearer', 'Bearer ', valid, `Basic ${valid}`, `Token ${valid}`, `Bearer: ${valid}`]) {
    forged.set(`the header "${header.replace(valid, '...')}"`, header);
  }
  forged.set('two tokens', `Bearer ${valid} ${valid}`);
  forged.set('two schemes', `Bearer ${valid}, Basic YTpi`);
  forged.set('a quoted token', `Bearer "${valid}"`);
  return forged;
}

function wrongClaims(secret: string): [string, string][] {
  const hourAgo = Math.floor(Date.now() / 1_000) - 3_600;
  const changes: [string, Claims][] = [
    ['another issuer', { iss: 'somebody' }],
    ['an issuer in a list', { iss: ['order-saga'] }],
    ['no issuer', { iss: undefined }],
    ['another audience', { aud: 'another-service' }],
    ['other audiences', { aud: ['a', 'b'] }],
    ['no audience', { aud: undefined }],
    ['an expiry that is over', { exp: hourAgo }],
    ['no expiry', { exp: undefined }],
    ['an expiry in words', { exp: 'never' }],
    ['a negative expiry', { exp: -1 }],
    ['a lifetime of a year', { exp: hourAgo + 31_536_000 }],
    ['a lifetime of a year that is nearly over', { iat: hourAgo - 31_536_000 }],
    ['a lifetime of a year from an issue in the future', { iat: hourAgo + 31_500_000, exp: hourAgo + 31_536_000 }],
    ['an issue in words', { iat: 'now' }],
    ['a start in the future', { nbf: hourAgo + 7_200 }],
    ['a start in words', { nbf: 'now' }],
    ['no subject', { sub: undefined }],
    ['a number as subject', { sub: 7 }],
    ['an empty subject', { sub: '' }],
    ['NUL in the subject', { sub: 'a\0b' }],
    ['half a surrogate pair in the subject', { sub: 'a\ud800' }],
    ['a subject without end', { sub: 'x'.repeat(256) }],
    ['no tenant', { tenant: undefined }],
    ...[7, null, true, ['demo'], { id: 'demo' }, '', 'x'.repeat(65)].map((tenant): [string, Claims] => [
      `the tenant ${JSON.stringify(tenant).slice(0, 20)}`,
      { tenant },
    ]),
    ...['a/b', '../demo', 'a b', "a'b", 'a%', 'a\0', 'demo\n', 'dém', '*'].map((tenant): [string, Claims] => [
      `the tenant ${JSON.stringify(tenant)}`,
      { tenant },
    ]),
  ];
  return [
    ...changes.map(([name, change]): [string, string] => [name, hmacToken(secret, { ...validClaims(), ...change })]),
    ...['exp', 'iat', 'nbf'].map((claim): [string, string] => [
      `the time 1e400 as ${claim}`,
      signed(
        secret,
        { typ: 'JWT' },
        JSON.stringify({ ...validClaims(), [claim]: 0 }).replace(`"${claim}":0`, `"${claim}":1e400`),
      ),
    ]),
    ...['', 'logout+jwt', 'dpop+jwt', 'JWE', 7, null, ['JWT']].map((typ): [string, string] => [
      `the type ${JSON.stringify(typ)}`,
      hmacToken(secret, validClaims(), { typ }),
    ]),
  ];
}

function brokenTokens(secret: string): [string, string][] {
  const valid = hmacToken(secret, validClaims());
  const [header = '', payload = '', signature = ''] = valid.split('.');
  const admin = segment({ ...validClaims(), tenant: 'acme' });
  return [
    ['no signature', `${header}.${payload}.`],
    ['no signature part', `${header}.${payload}`],
    ['a shortened signature', `${header}.${payload}.${signature.slice(0, -4)}`],
    ['a lengthened signature', `${valid}AAAA`],
    ['a changed payload', `${header}.${admin}.${signature}`],
    ['a changed header', `${segment({ alg: 'HS256', kid: '1' })}.${payload}.${signature}`],
    ['a payload that is no JSON', resign(secret, `${header}.${Buffer.from('tenant').toString('base64url')}`)],
    ['a payload that is a list', resign(secret, `${header}.${segment(['demo'])}`)],
    ['a header that is no JSON', resign(secret, `e30x.${payload}`)],
    ['a header without algorithm', resign(secret, `${segment({ typ: 'JWT' })}.${payload}`)],
    ['four parts', `${valid}.${signature}`],
    ['dots', '...'],
    ['a word', 'token'],
    ['10 KiB of letters', 'a'.repeat(10_240)],
    ['base64 with padding', `${valid}==`],
  ];
}

function resign(secret: string, content: string): string {
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}

async function wrongKeys(secret: string): Promise<[string, string][]> {
  const claims = validClaims();
  const bytes = new TextEncoder().encode(secret);
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const sign = (header: JWTHeaderParameters, key: Parameters<SignJWT['sign']>[0]): Promise<string> =>
    new SignJWT(claims).setProtectedHeader(header).sign(key);
  const unsigned = (alg: string): string => `${segment({ alg, typ: 'JWT' })}.${segment(claims)}.`;
  return [
    ...['none', 'None', 'NONE', 'nOnE', ''].map((alg): [string, string] => [`algorithm "${alg}"`, unsigned(alg)]),
    ['algorithm none with a signature', hmacToken(secret, claims, { alg: 'none' })],
    ['another secret', hmacToken(`${secret}x`, claims)],
    ['an empty secret', hmacToken('', claims)],
    ['HS384', await sign({ alg: 'HS384' }, bytes)],
    ['HS512', await sign({ alg: 'HS512' }, bytes)],
    ['RS256 by a key of its own', await sign({ alg: 'RS256' }, privateKey)],
    ['RS256 that is HS256', hmacToken(secret, claims, { alg: 'RS256' })],
    ['a key in its header', await sign({ alg: 'RS256', jwk: await exportJWK(publicKey) }, privateKey)],
    ['an address of keys in its header', await sign({ alg: 'RS256', jku: 'http://127.0.0.1/keys' }, privateKey)],
    ['an extension that must be understood', hmacToken(secret, claims, { crit: ['x'], x: true })],
    ['an unencoded payload', hmacToken(secret, claims, { crit: ['b64'], b64: false })],
    [
      'encryption in place of a signature',
      await new EncryptJWT(claims).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(new Uint8Array(32)),
    ],
  ];
}
