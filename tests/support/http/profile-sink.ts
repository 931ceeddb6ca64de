import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { Profile } from 'pprof-format';

/** A profile as it arrived. */
export interface ReceivedProfile {
  /** The process's name, with its labels in braces. */
  readonly name: string;
  /** What the samples count, such as `cpu` and `inuse_objects`. */
  readonly kinds: readonly string[];
  /** The functions that the samples were in, each with its file before its name. */
  readonly functions: ReadonlySet<string>;
}

/** The stand-in of a Pyroscope server: it takes `/ingest` and reads the profiles. */
export interface ProfileSink {
  readonly url: string;
  readonly profiles: readonly ReceivedProfile[];
  /** Posts that were begun, also those that are not answered. */
  posts(): number;
  /** From now on no post is answered. */
  hang(): void;
  close(): Promise<void>;
}

/** Starts a Pyroscope server's stand-in on a free port. */
export async function startProfileSink(): Promise<ProfileSink> {
  const profiles: ReceivedProfile[] = [];
  let isHanging = false;
  let posts = 0;
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    posts += 1;
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://sink');
    const body = await buffer(request);
    if (isHanging) return;
    if (pathname === '/ingest') profiles.push(profileIn(body, searchParams.get('name') ?? ''));
    response.writeHead(pathname === '/ingest' ? 200 : 404).end();
  };
  const server = createServer((request, response) => void take(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    profiles,
    posts: () => posts,
    hang: () => {
      isHanging = true;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function profileIn(body: Buffer, name: string): ReceivedProfile {
  const profile = Profile.decode(gunzipSync(body));
  const word = (index: number | bigint): string => profile.stringTable.strings[Number(index)] ?? '';
  return {
    name,
    kinds: profile.sampleType.map(({ type }) => word(type)),
    functions: new Set(profile.function.map(({ filename, name }) => `${word(filename)} ${word(name)}`)),
  };
}
