import { once } from 'node:events';

/** Blocks the event loop of a process that runs with `--inspect`, by the output in which it names its inspector. */
export async function blockEventLoop(output: string, durationMs: number): Promise<void> {
  const url = /Debugger listening on (ws:\S+)/.exec(output)?.[1];
  if (url === undefined) throw new Error(`the process has no inspector: ${output}`);
  const socket = new WebSocket(url);
  await once(socket, 'open');
  const expression = `{ const end = performance.now() + ${durationMs}; while (performance.now() < end); }`;
  socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }));
  // The answer comes after the block; nobody waits for it.
  socket.addEventListener('message', () => socket.close(), { once: true });
}
