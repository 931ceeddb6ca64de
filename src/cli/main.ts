import { createInterface } from 'node:readline/promises';
import { systemLine } from '../runtime/system-line.ts';
import { runCommandLine } from './run-command-line.ts';

// Entry of `npm run orders`: only the answer goes to stdout.
if (!process.argv.includes('--help')) console.error(systemLine(process.env));
process.exitCode = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  isTable: process.stdout.isTTY,
  isInteractive: process.stdin.isTTY && process.stderr.isTTY,
  print: (text) => console.log(text),
  tell: (text) => console.error(text),
  ask: async (question) => {
    const asked = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await asked.question(question);
    asked.close();
    return answer;
  },
});
