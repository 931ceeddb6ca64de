import { readdirSync } from 'node:fs';

/** The memory and the descriptors of a process after a garbage collection. */
export interface Held {
  readonly mebibytes: number;
  /** Open files, including sockets. */
  readonly descriptors: number;
}

/** Looks into a process that was started with `--inspect`. */
export async function lookInside(inspectPort: number, pid: number): Promise<Held> {
  const answer = await fetch(`http://127.0.0.1:${inspectPort}/json/list`);
  const [target] = (await answer.json()) as { readonly webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '');
  await once(socket, 'open');
  await ask(socket, { id: 1, method: 'HeapProfiler.collectGarbage' });
  const expression = '(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())';
  const { result } = await ask<{ result: { value: number } }>(socket, {
    id: 2,
    method: 'Runtime.evaluate',
    params: { expression },
  });
  socket.close();
  return {
    mebibytes: Math.round(result.value / 1024 / 1024),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  };
}

function once(socket: WebSocket, name: 'open' | 'message'): Promise<Event> {
  return new Promise((resolve, reject) => {
    socket.addEventListener(name, resolve, { once: true });
    socket.addEventListener('error', () => reject(new Error('the process cannot be looked into')), { once: true });
  });
}

interface Question {
  readonly id: number;
  readonly method: string;
  readonly params?: object;
}

async function ask<Result>(socket: WebSocket, { id, method, params = {} }: Question): Promise<Result> {
  socket.send(JSON.stringify({ id, method, params }));
  for (;;) {
    const { data } = (await once(socket, 'message')) as MessageEvent;
    const answer = JSON.parse(String(data)) as { readonly id?: number; readonly result: Result };
    if (answer.id === id) return answer.result;
  }
}
