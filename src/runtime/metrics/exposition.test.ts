import { expect, it } from 'vitest';
import { joinExpositions } from './exposition.ts';

it('Texts of metrics are joined so that each metric is declared once and keeps the series of all texts', () => {
  const first = '# HELP dropped_total Lines\n# TYPE dropped_total counter\ndropped_total 1\n# EOF\n';
  const second = [
    '# HELP up Whether it is up',
    '# TYPE up gauge',
    'up{part="a # HELP"} 1',
    'up{part="b"} 0',
    '',
    '# HELP dropped_total Log lines',
    '# TYPE dropped_total counter',
    'dropped_total{service="core"} 2',
  ].join('\n');
  expect(joinExpositions([first, second]).split('\n')).toEqual([
    '# HELP dropped_total Lines',
    '# TYPE dropped_total counter',
    'dropped_total 1',
    'dropped_total{service="core"} 2',
    '# HELP up Whether it is up',
    '# TYPE up gauge',
    'up{part="a # HELP"} 1',
    'up{part="b"} 0',
    '',
  ]);
});
