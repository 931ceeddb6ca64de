import { expect, it } from 'vitest';
import { changelogSection, ReleaseMismatchError } from './changelog-section.ts';

const changelog = `# Changelog

## [Unreleased]

## [0.2.0] - 2026-12-24

### Added

- Something new.

## [0.1.0] - 2026-11-30

### Added

- Everything.
`;

it('The notes of a release are its part of the changelog', () => {
  const notes = changelogSection({ tag: 'v0.2.0', version: '0.2.0', changelog });
  expect(notes).toBe('### Added\n\n- Something new.\n');
});

it('The notes of the oldest release end with the file', () => {
  expect(changelogSection({ tag: 'v0.1.0', version: '0.1.0', changelog })).toBe('### Added\n\n- Everything.\n');
});

it.each([
  { tag: 'v0.2.0', version: '0.1.0', changelog, reason: 'package.json' },
  { tag: '0.2.0', version: '0.2.0', changelog, reason: 'package.json' },
  { tag: 'v0.3.0', version: '0.3.0', changelog, reason: 'no heading' },
  { tag: 'v0.3.0', version: '0.3.0', changelog: '## [0.3.0]\n\nUndated.\n', reason: 'no heading' },
  { tag: 'v0.3.0', version: '0.3.0', changelog: '## [0.3.0] - 2026-12-31\n\n', reason: 'nothing' },
])('The tag $tag of the version $version is refused with the words "$reason"', ({ reason, ...release }) => {
  const make = (): string => changelogSection(release);
  expect(make).toThrow(ReleaseMismatchError);
  expect(make).toThrow(reason);
});
