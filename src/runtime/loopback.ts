/**
 * Variables that name hosts which are reached without a proxy: those of Node and of gRPC, which reads its own first.
 */
const BYPASSES = ['no_proxy', 'NO_PROXY', 'no_grpc_proxy'] as const;

const LOOPBACK_HOSTS = ['127.0.0.1', 'localhost', '::1', '[::1]'];

/**
 * Lets a process and its children reach this machine directly when a proxy is set: the proxy runs elsewhere, and would
 * ask itself. Hosts that the variables already name stay.
 */
export function keepLoopbackDirect(env: Record<string, string | undefined>): void {
  const given = [...new Set(BYPASSES.map((name) => env[name]).filter((hosts) => hosts))];
  const hosts = [...given, ...LOOPBACK_HOSTS].join(',');
  for (const name of BYPASSES) env[name] = hosts;
}
