/** A terminal that was closed, a full disk or a reader that is gone must not end a process that stays. */
export function surviveOutputErrors(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}
