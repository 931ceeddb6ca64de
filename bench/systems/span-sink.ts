import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/** The stand-in of a collector: takes spans by OTLP as JSON, drops them, and answers `GET /` with their number. */
let spans = 0;
createServer((request, response) => {
  if (request.method === 'GET') {
    response.end(String(spans));
    return;
  }
  void text(request).then((body) => {
    spans += body.split('"spanId":').length - 1;
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
