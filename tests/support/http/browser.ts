import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

// Tests of the pages in a real browser. Nothing is downloaded for them: use `apt-get install chromium`, or name a
// browser in CHROMIUM.

const KNOWN_PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const { CHROMIUM: named } = process.env;

const executablePath = (named === undefined ? KNOWN_PLACES : [named]).find((path) => existsSync(path));

/** Whether a browser exists; without one the tests that need it are skipped, and say so. */
export const hasBrowser = executablePath !== undefined;

if (!hasBrowser) {
  process.stderr.write(
    `The tests of the console are skipped: there is no Chromium at ${named ?? KNOWN_PLACES.join(', ')}.\n` +
      'Install one (apt-get install chromium), or name it in CHROMIUM.\n',
  );
}

/** Starts a browser that contacts only the page's server. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: executablePath ?? '',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
