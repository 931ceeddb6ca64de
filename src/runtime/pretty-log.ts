/**
 * Loads the form of log lines that people read: colors on a terminal, local time, the message before its fields. The
 * library is loaded only where it is asked for, because a service writes JSON.
 */
export async function loadPrettyFormat(): Promise<(line: string) => string> {
  const { prettyFactory } = await import('pino-pretty');
  return prettyFactory({
    colorize: process.stdout.isTTY,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid',
    singleLine: true,
  });
}
