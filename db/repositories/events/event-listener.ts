import pg from 'pg';

/** Hears which events were appended, over one connection per process. */
export interface EventListener {
  /** Calls back for every announcement, and with `null` when announcements may have been missed. */
  onAppended(hear: (announcement: Appended | null) => void): void;
  start(): void;
  close(): Promise<void>;
}

/** Where events were appended: the partitions, and the first words of the types; `*` stands for all types. */
export interface Appended {
  readonly partitions: readonly number[];
  readonly topics: readonly string[];
}

/** Pause before a lost connection is opened again; until then the readers poll. */
const RECONNECT_MS = 1_000;

/** The listener needs a session of its own, so its URL must bypass a pooler in transaction mode. */
export function createEventListener(url: string, onError: (error: Error) => void): EventListener {
  const hearers: ((announcement: Appended | null) => void)[] = [];
  let client: pg.Client | null = null;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const tell = (announcement: Appended | null): void => {
    for (const hear of hearers) hear(announcement);
  };
  const connect = async (): Promise<void> => {
    const fresh = new pg.Client({ connectionString: url, application_name: 'order-saga-listen', keepAlive: true });
    client = fresh;
    const again = once((error: Error) => {
      fresh.end().catch(() => {});
      if (isClosed) return;
      onError(error);
      timer = setTimeout(() => void connect(), RECONNECT_MS);
    });
    fresh.on('error', again);
    fresh.on('end', () => again(new Error('the connection ended')));
    fresh.on('notification', ({ payload }) => tell(parse(payload ?? '')));
    try {
      await fresh.connect();
      await fresh.query('listen events_appended');
      tell(null);
    } catch (error) {
      again(error as Error);
    }
  };
  return {
    onAppended: (hear) => void hearers.push(hear),
    start: () => void connect(),
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      await client?.end().catch(() => {});
    },
  };
}

function once(act: (error: Error) => void): (error: Error) => void {
  let isDone = false;
  return (error) => {
    if (isDone) return;
    isDone = true;
    act(error);
  };
}

function parse(payload: string): Appended {
  const [partitions = '', topics = ''] = payload.split(' ');
  return { partitions: partitions.split(',').map(Number), topics: topics.split(',') };
}
