/** A closed terminal, a full disk or a reader that is gone must not end a process that is meant to stay. */
export function surviveOutputErrors(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}
