import { systemLine } from '../../runtime/system-line.ts';
import { runDeployment } from './run-deployment.ts';

// Entry of `npm run deployment`: only the answer goes to stdout.
if (!process.argv.includes('--help')) console.error(systemLine(process.env));
process.exitCode = await runDeployment(process.argv.slice(2), {
  env: process.env,
  isTable: process.stdout.isTTY,
  print: (text) => console.log(text),
  tell: (text) => console.error(text),
});
