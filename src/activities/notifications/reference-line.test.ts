import { expect, it } from 'vitest';
import { referenceLine } from './reference-line.ts';

it.each(['cart-991', 'Bestellung 12/2026', '2026.11.21-7', 'v1.2', 'größe XL: 3', '#4711'])(
  'The reference in a message is told: %s',
  (text) => {
    expect(referenceLine(text)).toBe(`Your reference: ${text}\n`);
  },
);

it.each(['a\nb', 'a\r\nb', 'a\u2028b', 'a\u0085b', 'a\v\fb', 'a\u202eb', 'a\u001b\tb'])(
  'The reference in a message is one line: %j',
  (text) => {
    expect(referenceLine(text)).toBe('Your reference: a b\n');
  },
);

it.each([
  'https://evil.example/pay',
  'HTTP://1.2.3.4',
  'ftp://x',
  'www.evil.example',
  'pay at evil.com',
  'evil.com/pay',
  'evil\uff0ecom',
  'evil\u3002com',
  'bücher.example',
  'mailto:a',
  'help@evil',
  'tel:4930',
])('The reference in a message is left out where there is something to click on: %s', (text) => {
  expect(referenceLine(`cart-991 ${text}`)).toBe('');
});

it('The reference in a message is left out where it is empty or there is none', () => {
  for (const nothing of [null, '', ' \n ']) expect(referenceLine(nothing)).toBe('');
});
