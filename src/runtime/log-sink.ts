import { fstatSync, write } from 'node:fs';

/**
 * The destination of a process's log lines. It never throws, never blocks, and never holds more than a bounded number
 * of bytes.
 */
export interface LogSink {
  write(line: string): void;
  /** Calls back when every line is written or dropped, after a second at the latest. */
  flush(written: () => void): void;
  /** Tells how many lines were dropped since the last call; the first call includes all earlier ones. */
  onDropped(listener: (lines: number) => void): void;
}

/** 4 MiB: about 10,000 lines, ten seconds of a busy process whose reader has stopped. */
const HELD_BYTES_MAX = 4 * 1024 * 1024;

/** A reader that accepts nothing for a second does not keep a process from ending. */
const FLUSH_LIMIT_MS = 1_000;

const RETRY_MS = 100;

const STDOUT = 1;

/** Writes text, and answers with the number of written bytes or with an error. */
type Writer = (text: Buffer, done: (error: Error | null, bytes: number) => void) => void;

/**
 * Writes to standard output. Lines that it cannot write (because of a full disk, or a reader that is gone or has
 * stopped) are dropped.
 */
export function createLogSink(): LogSink {
  const writer = createWriter();
  const drops = createDropCounter();
  let held: string[] = [];
  let heldBytes = 0;
  let isWriting = false;
  const flushed: (() => void)[] = [];

  const writeHeld = (): void => {
    const lines = held;
    if (lines.length === 0) {
      isWriting = false;
      for (const done of flushed.splice(0)) done();
      return;
    }
    isWriting = true;
    held = [];
    const text = Buffer.from(lines.join(''));
    writeAll(writer, text, (error) => {
      heldBytes -= text.byteLength;
      if (error !== null) drops.add(lines.length);
      writeHeld();
    });
  };

  return {
    write(line) {
      const bytes = Buffer.byteLength(line);
      if (heldBytes + bytes > HELD_BYTES_MAX) {
        drops.add(1);
        return;
      }
      held.push(line);
      heldBytes += bytes;
      if (!isWriting) writeHeld();
    },
    flush(written) {
      const once = callOnce(written);
      setTimeout(once, FLUSH_LIMIT_MS).unref();
      if (isWriting) flushed.push(once);
      else once();
    },
    onDropped: drops.listen,
  };
}

/**
 * A pipe is written by the stream, which waits for its reader outside of the thread pool: a thread that waits in a
 * write would keep the process from ending. A file is written in the pool, and may be tried again after an error.
 */
function createWriter(): Writer {
  const kind = fstatSync(STDOUT);
  if (!kind.isFIFO() && !kind.isSocket()) {
    return (text, done) => write(STDOUT, text, (error, bytes) => done(error, bytes));
  }
  return (text, done) => process.stdout.write(text, (error) => done(error ?? null, text.byteLength));
}

function writeAll(writer: Writer, text: Buffer, done: (error: Error | null) => void): void {
  writer(text, (error, bytes) => {
    if (error !== null && 'code' in error && error.code === 'EAGAIN') {
      setTimeout(() => writeAll(writer, text, done), RETRY_MS).unref();
    } else if (error !== null || bytes >= text.byteLength) {
      done(error);
    } else {
      writeAll(writer, text.subarray(bytes), done);
    }
  });
}

function createDropCounter() {
  const listeners: ((lines: number) => void)[] = [];
  let total = 0;
  return {
    add(lines: number) {
      total += lines;
      for (const listener of listeners) listener(lines);
    },
    listen(listener: (lines: number) => void) {
      listeners.push(listener);
      if (total > 0) listener(total);
    },
  };
}

function callOnce(callback: () => void): () => void {
  let isCalled = false;
  return () => {
    if (isCalled) return;
    isCalled = true;
    callback();
  };
}
