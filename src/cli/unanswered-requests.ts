import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ApiProblemError, ApiUnreachableError, type ApiClient } from './api-client.ts';

/** A command that changes something, as it was typed, without its key, its token, and the options for its output. */
export interface Wish {
  readonly apiUrl: string;
  readonly command: string;
  readonly subject: string;
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/** A command that was sent and whose answer is not known. */
export interface UnansweredWish {
  readonly key: string;
  readonly at: string;
  /** The command as it is typed. */
  readonly words: string;
}

/** A different command about the same thing has no answer yet, and may have been carried out. */
export class EarlierWishError extends Error {
  constructor({ words, at }: UnansweredWish) {
    super(
      `it is not known whether an earlier command was done: \`${words}\` of ${at} had no answer.\n` +
        'Give it again to ask about it: nothing is done twice. To have this one done all the same, give it a key of its ' +
        `own: --key ${randomUUID()}`,
    );
  }
}

/** An answer was lost: the command may have been carried out. */
export class AnswerLostError extends Error {
  constructor(key: string, cause: Error) {
    super(
      `It is not known whether this was done. Give the command again to ask: it goes under the same key, so ` +
        `nothing is done twice (elsewhere: to repeat it safely add --key ${key})`,
      { cause },
    );
  }
}

/** The commands without an answer, in one file for each command and the thing that it is about. */
export interface UnansweredWishes {
  /**
   * The same command without an answer; null when there is none.
   * @throws {EarlierWishError} when there is a different command about the same thing.
   */
  find(wish: Wish): UnansweredWish | null;
  /**
   * The client of the API, which stores the command from its request to its answer. Its posts throw {@link
   * AnswerLostError}.
   */
  watch(api: ApiClient, wish: Wish): ApiClient;
}

const fileSchema = z.object({ key: z.string(), at: z.string(), words: z.string() });

/** The API gives these answers before it looks at the request, so they say nothing about an earlier one. */
const AT_THE_DOOR: ReadonlySet<number> = new Set([401, 403, 429]);

/** If the folder cannot be written, nothing is stored, and the key is still shown. */
export function createUnansweredWishes(folder: string): UnansweredWishes {
  const fileOf = ({ apiUrl, command, subject }: Wish): string =>
    join(folder, `${createHash('sha256').update([apiUrl, command, subject].join('\0')).digest('hex')}.json`);
  const read = (wish: Wish): UnansweredWish | null => {
    try {
      return fileSchema.parse(JSON.parse(readFileSync(fileOf(wish), 'utf8')));
    } catch {
      return null;
    }
  };
  const keep = (wish: Wish, unanswered: UnansweredWish): void => {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(fileOf(wish), JSON.stringify(unanswered), { mode: 0o600 });
    } catch {
      // The command continues; to repeat it, the person has to add the key.
    }
  };
  const forget = (wish: Wish): void => {
    try {
      rmSync(fileOf(wish), { force: true });
    } catch {
      // The command continues here as well.
    }
  };
  return {
    find: (wish) => {
      const earlier = read(wish);
      if (earlier !== null && earlier.words !== wordsOf(wish)) throw new EarlierWishError(earlier);
      return earlier;
    },
    watch: (api, wish) => ({
      ...api,
      post: async (path, key, body) => {
        const wasOpen = read(wish)?.key === key;
        keep(wish, { key, at: new Date().toISOString(), words: wordsOf(wish) });
        try {
          const answer = await api.post(path, key, body);
          forget(wish);
          return answer;
        } catch (error) {
          if (isLost(error, wasOpen)) throw new AnswerLostError(key, error);
          forget(wish);
          throw error;
        }
      },
    }),
  };
}

function isLost(error: unknown, wasOpen: boolean): error is Error {
  if (error instanceof ApiUnreachableError) return true;
  if (!(error instanceof ApiProblemError)) return false;
  return error.status >= 500 || (wasOpen && AT_THE_DOOR.has(error.status));
}

function wordsOf({ command, subject, options }: Wish): string {
  const given = Object.entries(options)
    .filter(([name, value]) => value !== undefined && !UNSAID.has(name))
    .toSorted(([left], [right]) => left.localeCompare(right))
    .map(([name, value]) => (value === true ? `--${name}` : `--${name} ${JSON.stringify(value)}`));
  return [command, subject, ...given].join(' ');
}

/** These options do not change what the command does. */
const UNSAID: ReadonlySet<string> = new Set(['key', 'token', 'json', 'watch']);
