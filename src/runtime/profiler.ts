import { Session } from 'node:inspector/promises';
import { pause } from './pause.ts';

export const PROFILE_KINDS = ['cpu', 'heap'] as const;

/** What is sampled: time on the CPU, or allocations that are still alive. */
export type ProfileKind = (typeof PROFILE_KINDS)[number];

/** A profile is under way; a second one would stop the first one's sampling. */
export class ProfileUnderWayError extends Error {}

/** Profiles the main thread of this process on demand. */
export interface Profiler {
  /**
   * Samples for this long, or until `signal` is aborted; resolves with the JSON of a `.cpuprofile` or `.heapprofile`.
   * @throws {ProfileUnderWayError}
   */
  take(kind: ProfileKind, durationMs: number, signal: AbortSignal): Promise<string>;
}

/** Nothing is connected, and nothing slower, as long as no profile is taken. */
export function createProfiler(): Profiler {
  let isUnderWay = false;
  return {
    take: async (kind, durationMs, signal) => {
      if (isUnderWay) throw new ProfileUnderWayError('a profile is under way');
      isUnderWay = true;
      const session = new Session();
      session.connect();
      try {
        return JSON.stringify(await SAMPLERS[kind](session, () => pause(durationMs, signal)));
      } finally {
        session.disconnect();
        isUnderWay = false;
      }
    },
  };
}

type Sampler = (session: Session, sampled: () => Promise<void>) => Promise<unknown>;

const SAMPLERS: Readonly<Record<ProfileKind, Sampler>> = {
  cpu: async (session, sampled) => {
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    await sampled();
    return (await session.post('Profiler.stop')).profile;
  },
  heap: async (session, sampled) => {
    await session.post('HeapProfiler.startSampling');
    await sampled();
    return (await session.post('HeapProfiler.stopSampling')).profile;
  },
};
