import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  type ConnectionOptions,
  type TLSConfig,
} from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { dataConverterOf } from './sealing/data-converter.ts';
import type { PayloadSealing } from './sealing/payload-codec.ts';

/** Where Temporal is, and how the connection to it is secured; without `tls` it is in plain text. */
export interface TemporalLink {
  readonly address: string;
  /**
   * The CA must be given to both kinds of connections: the native one knows the system's own, the other one only those
   * of Node, and it reads no `NODE_EXTRA_CA_CERTS`.
   */
  readonly tls?: TLSConfig;
  readonly apiKey?: string;
}

/** The link, and the namespace of the service. */
export interface TemporalOptions extends TemporalLink {
  readonly namespace: string;
  /** How payloads are sealed; plain without it. */
  readonly sealing?: PayloadSealing | null;
}

/** A client on a connection of JavaScript. Its deadlines work, which those of a native connection do not. */
export function createTemporalClient(options: TemporalOptions): Client {
  return clientOn(openTemporalConnection(options), options);
}

/** The connection that workers and eager starts share. Between neighbors gzip costs more CPU than it saves. */
export function connectNatively(link: TemporalLink): Promise<NativeConnection> {
  return NativeConnection.connect({ ...linkOptions(link), grpcCompression: { codec: 'none' } });
}

/** The fields that both kinds of connections read. */
function linkOptions({ address, tls, apiKey }: TemporalLink) {
  return { address, ...(tls === undefined ? {} : { tls }), ...(apiKey === undefined ? {} : { apiKey }) };
}

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Call = ReturnType<Parameters<Interceptor>[1]>;
type Listener = Parameters<Call['start']>[1];

/** gRPC's status `CANCELLED`: the caller's own side ended the call. */
const CANCELLED = 1;

const CLOSED = 'the connection to Temporal was closed';

/**
 * The only way to open a connection of JavaScript to Temporal. It connects lazily, so that a process starts while Temporal is
 * down. Closing it rejects every call: calls under way at once, and a call that waits for its next try when that try is
 * due. (With the SDK's own connection, calls under way wait for ever, and the retry throws inside a timer, where no
 * code can catch it.)
 */
export function openTemporalConnection(link: TemporalLink): Connection {
  let isClosed = false;
  const retries = defaultGrpcRetryOptions();
  const underWay = new Set<Call>();
  const connection = Connection.lazy({
    ...linkOptions(link),
    connectTimeout: '3s',
    interceptors: [
      makeGrpcRetryInterceptor({
        ...retries,
        retryableDecider: (attempt, status) => !isClosed && retries.retryableDecider(attempt, status),
      }),
      // gRPC uses only the methods of a call; the type is a class with private fields.
      (options, nextCall) =>
        (isClosed ? createCancelledCall() : follow(nextCall(options), underWay)) as ReturnType<Interceptor>,
    ],
  });
  const closeChannel = connection.close.bind(connection);
  connection.close = async () => {
    isClosed = true;
    for (const call of underWay) call.cancelWithStatus(CANCELLED, CLOSED);
    await closeChannel();
  };
  return connection;
}

/**
 * A client on the native connection of this process's workers, because only a start over this connection can be eager.
 */
export function createEagerClient(connection: NativeConnection, options: TemporalOptions): Client {
  return clientOn(connection, options);
}

function clientOn(connection: Connection | NativeConnection, options: TemporalOptions): Client {
  const { namespace, sealing = null } = options;
  return new Client({ connection, namespace, ...dataConverterOf(sealing) });
}

/** Keeps a call in the set from its start to its end. */
function follow(call: Call, underWay: Set<Call>): Call {
  const start = call.start.bind(call);
  call.start = (metadata, listener) => {
    underWay.add(call);
    start(
      metadata,
      endingIn(listener, () => underWay.delete(call)),
    );
  };
  return call;
}

function endingIn(listener: Listener, onEnd: () => void): Listener {
  return {
    onReceiveMetadata: (metadata) => listener?.onReceiveMetadata?.(metadata),
    onReceiveMessage: (message) => listener?.onReceiveMessage?.(message),
    onReceiveStatus: (status) => {
      onEnd();
      listener?.onReceiveStatus?.(status);
    },
  };
}

/** A call that never leaves the process. */
function createCancelledCall(): Pick<Call, 'cancelWithStatus' | 'getPeer' | 'start' | 'sendMessage' | 'halfClose'> {
  return {
    start(metadata, listener) {
      queueMicrotask(() => {
        listener?.onReceiveMessage?.(null);
        listener?.onReceiveStatus?.({ code: CANCELLED, details: CLOSED, metadata });
      });
    },
    getPeer: () => 'closed',
    cancelWithStatus() {},
    sendMessage() {},
    halfClose() {},
  };
}
