import { ArgumentError, parseArguments } from '../src/runtime/command-arguments.ts';
import { runEntry } from './entry.ts';
import { hasPassed, writeReport } from './report/report.ts';
import { judgeAgain } from './report/saved-run.ts';

const USAGE = `npm run chaos:judge -- FOLDER
  Judges a run that has ended (the --out of npm run chaos) by the checks as they are now, and writes its report anew.
Exit code: 0 every promise was kept, 1 a promise was broken or too little was reached, 2 a mistake in the options.`;

// Entry of `npm run chaos:judge`.
await runEntry({ usage: USAGE, read: readFolder, run: judge });

function readFolder(words: readonly string[]): string | null {
  const given = parseArguments(words, { options: {}, positionalsMax: 1 });
  if (given === null) return null;
  const [folder] = given.positionals;
  if (folder === undefined) throw new ArgumentError('the folder of the run is missing');
  return folder;
}

async function judge(folder: string): Promise<boolean> {
  const report = await judgeAgain(folder);
  process.stdout.write(`${await writeReport(report, folder)}\n`);
  return hasPassed(report);
}
