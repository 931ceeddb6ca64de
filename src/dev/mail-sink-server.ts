import { takeArguments } from '../runtime/command-arguments.ts';
import { loadMailSinkSettings } from './dev-environment.ts';
import { surviveOutputErrors } from '../runtime/standard-output.ts';
import { createMailSink } from './mail-sink/mail-sink.ts';

const USAGE = `npm run start:mail-sink
  The development mail sink alone. Its settings are environment variables: see .env.example.`;

// Entry of `npm run start:mail-sink`: the development mail sink as a process of its own.
surviveOutputErrors();
takeArguments(USAGE, { options: {} });
const sink = createMailSink(loadMailSinkSettings(process.env));
await sink.start();
console.log(`mail sink: SMTP on port ${sink.ports.smtp}, inbox on port ${sink.ports.inbox}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void sink.stop());
