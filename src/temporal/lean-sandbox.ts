/**
 * Preload (`node --import`) that makes the workflow sandbox cheaper when `WORKFLOW_SANDBOX=lean`, and does nothing
 * otherwise. The SDK does not support this, so it is opt-in. The SDK's workflow thread inherits the preload.
 *
 * - Node starts and joins a native thread for the timeout of every `vm` call; these calls lose their timeout.
 * - The SDK records a stack trace per promise through a promise hook; the hook is refused, and the SDK works without
 *   it. (The Web UI's "Call Stack" tab stays empty.)
 * - Workflows of a thread share one context, and the SDK exchanges all its globals whenever it switches from one
 *   workflow to another. Only one of them, the SDK's own, differs, and only this one is exchanged. (A global that a
 *   workflow wrote would be visible to the others; ours write none.)
 *
 * Without the timeout an endless loop in workflow code would hang the thread for ever. So the workflow thread sends a
 * heartbeat, and a process whose workflow thread has been silent for 10 s ends itself; another worker continues its
 * orders.
 */
import { promiseHooks } from 'node:v8';
import vm, { Script } from 'node:vm';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

const HEARTBEAT_MS = 1_000;
const SILENCE_LIMIT_MS = 10_000;
/** EX_SOFTWARE of sysexits.h. */
const EXIT_STALLED = 70;

/** Set when the preload is active in this process, so that a worker can tell a forgotten `--import`. */
const MARK = Symbol.for('order-saga.lean-sandbox');

// This is read here and not in config.ts, because a preload runs before any configuration, in every thread.
if (process.env['WORKFLOW_SANDBOX'] === 'lean') {
  Object.defineProperty(globalThis, MARK, { value: true });
  if (isMainThread) watchHeartbeats();
  else leanWorkflowThread();
}

function leanWorkflowThread(): void {
  // The descriptor is needed, because the method is later called on each script and never on its own.
  const run = Object.getOwnPropertyDescriptor(Script.prototype, 'runInContext')?.value as Script['runInContext'];
  Script.prototype.runInContext = function runWithoutTimeout(context, options) {
    if (typeof options !== 'object') return run.call(this, context, options);
    const { timeout: _, ...rest } = options;
    return run.call(this, context, rest);
  };
  const define = vm.runInContext;
  vm.runInContext = (code, context, options) =>
    define.call(vm, isScopeSwitch(code) ? LEAN_SCOPE_SWITCH : code, context, options);
  promiseHooks.createHook = () => {
    throw new Error('promise hooks are off in the lean sandbox');
  };
  const channel = new BroadcastChannel('order-saga.workflow-heartbeat');
  const beat = (): void => channel.postMessage('alive');
  // The first heartbeat comes at once: otherwise a thread that hangs in its very first workflow would never be missed.
  beat();
  setInterval(beat, HEARTBEAT_MS).unref();
  channel.unref();
}

/**
 * Recognizes the SDK's script that exchanges globals. A script that looks different in another version runs unchanged.
 */
export function isScopeSwitch(code: string): boolean {
  return code.includes('__TEMPORAL_BAG_HOLDER__.bag = Object.getOwnPropertyDescriptors(globalThis)');
}

/** The same exchange, only for the one global that workflows do not share. */
const LEAN_SCOPE_SWITCH = `{
  const callIntoScope = () => {
    const [holder, fn, args] = globalThis.__temporal_args;
    delete globalThis.__temporal_args;
    const before = globalThis.__TEMPORAL_BAG_HOLDER__;
    if (before !== holder) {
      if (before !== undefined) before.activator = globalThis.__TEMPORAL_ACTIVATOR__;
      globalThis.__TEMPORAL_ACTIVATOR__ = holder.activator;
      globalThis.__TEMPORAL_BAG_HOLDER__ = holder;
    }
    return __TEMPORAL__.api[fn](...args);
  };
  Object.defineProperty(globalThis, '__TEMPORAL_CALL_INTO_SCOPE', { value: callIntoScope });
}`;

function watchHeartbeats(): void {
  const channel = new BroadcastChannel('order-saga.workflow-heartbeat');
  let lastHeartbeat: number | null = null;
  channel.onmessage = () => {
    lastHeartbeat = performance.now();
  };
  channel.unref();
  let lastLook = performance.now();
  setInterval(() => {
    const now = performance.now();
    // If the main thread itself was asleep (a suspended process), it has not looked, so the silence proves nothing.
    const overslept = now - lastLook > 2 * HEARTBEAT_MS;
    lastLook = now;
    if (overslept && lastHeartbeat !== null) lastHeartbeat = now;
    if (lastHeartbeat === null || now - lastHeartbeat < SILENCE_LIMIT_MS) return;
    process.stderr.write(
      `{"level":60,"msg":"the workflow thread has been silent for ${SILENCE_LIMIT_MS} ms: ending"}\n`,
    );
    process.exit(EXIT_STALLED);
  }, HEARTBEAT_MS).unref();
}
