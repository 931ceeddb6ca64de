import { expect, it } from 'vitest';
import { runDeployment } from './run-deployment.ts';

async function run(words: string, env: Record<string, string> = { TEMPORAL_DEPLOYMENT_NAME: 'order-saga' }) {
  const said: string[] = [];
  const hear = (text: string): void => void said.push(text);
  const code = await runDeployment(words.split(' '), { env, isTable: false, print: hear, tell: hear });
  return { code, first: said.join('\n').split('\n')[0] };
}

it.each([
  ['rollout', 'there is no command "rollout"'],
  ['status two', 'status does not take "two"'],
  ['status --percent 5', 'status does not know --percent'],
  ['set-current', 'set-current needs BUILD or --unversioned'],
  ['set-current two --unversioned', 'set-current needs BUILD or --unversioned'],
  ["set-current two'", `"two'" is no id of a build: letters, digits, dots, hyphens, underscores and plus signs`],
  ['set-current two three', "Unexpected argument 'three'"],
  ['ramp two', '--percent needs a number from 0 to 100'],
  ['ramp two --percent 101', '--percent needs a number from 0 to 100'],
  ['drain', 'drain needs BUILD'],
  ['drain two --move-to two', '--move-to needs another build'],
  ['drain two --wait soon', '--wait: "soon" is not a number of seconds up to 3600'],
  ['status --deployment order.saga', '"order.saga" is no name of a deployment'],
])('The command line `deployment %s` is refused before Temporal is asked', async (words, first) => {
  expect(await run(words)).toEqual({ code: 2, first });
});

it('A deployment must be named', async () => {
  const first = 'which deployment? --deployment NAME, or TEMPORAL_DEPLOYMENT_NAME';
  expect(await run('status', {})).toEqual({ code: 2, first });
});

it('A plain link to Temporal is refused in production', async () => {
  const env = { TEMPORAL_DEPLOYMENT_NAME: 'order-saga', TEMPORAL_ADDRESS: 'temporal:7233', PROFILE: 'production' };
  expect(await run('status', env)).toMatchObject({ code: 1, first: 'The configuration has 1 problem(s):' });
});
