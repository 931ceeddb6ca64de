import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROJECT_FOLDER } from '../src/dev/data-folder.ts';
import { IMAGE_ENVIRONMENT } from './image-environment.ts';

it('The benchmark sets for a program what the image sets for it', () => {
  const dockerfile = readFileSync(join(PROJECT_FOLDER, 'Dockerfile'), 'utf8');
  const lastStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  const set = [...lastStage.matchAll(/^ENV (\w+)=(\S+)$/gm)].map(([, name, value]) => [name, value]);
  // The address is for the health check of a container alone.
  expect(Object.fromEntries(set.filter(([name]) => name !== 'HEALTHCHECK_URL'))).toEqual(IMAGE_ENVIRONMENT);
});
