import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

// A receiver of alerts that takes its time: the arguments are its port and the milliseconds until it answers.
const [port, latencyMs] = process.argv.slice(2).map(Number);
const server = createServer((request, answer) => {
  request.resume();
  void sleep(latencyMs).then(() => answer.writeHead(204).end());
});
server.listen(port, '127.0.0.1');
process.once('SIGTERM', () => {
  server.closeAllConnections();
  server.close();
});
