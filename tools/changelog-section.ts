/** The tag, package.json and CHANGELOG.md do not name one version. */
export class ReleaseMismatchError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ReleaseMismatchError';
  }
}

/** What a release is made of. */
export interface Release {
  /** For example `v0.1.0`. */
  readonly tag: string;
  /** The version in package.json: `0.1.0`. */
  readonly version: string;
  /** The text of CHANGELOG.md, in the format of Keep a Changelog. */
  readonly changelog: string;
}

/**
 * The part of CHANGELOG.md about the version that a tag releases, without its heading.
 * @throws {ReleaseMismatchError} when the tag is not package.json's version, or when CHANGELOG.md has no dated, filled
 * heading for it: `## [0.1.0] - 2026-11-30`.
 */
export function changelogSection({ tag, version, changelog }: Release): string {
  if (tag !== `v${version}`) {
    throw new ReleaseMismatchError(`the tag is ${tag}, but package.json has the version ${version}: v${version}`);
  }
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => text.startsWith(`[${version}]`));
  const [heading = '', ...lines] = section?.split('\n') ?? [];
  if (!/^\[[^\]]+\] - \d{4}-\d{2}-\d{2}$/.test(heading)) {
    throw new ReleaseMismatchError(`CHANGELOG.md has no heading "## [${version}] - YYYY-MM-DD"`);
  }
  const text = lines.join('\n').trim();
  if (text === '') throw new ReleaseMismatchError(`CHANGELOG.md says nothing about ${version}`);
  return `${text}\n`;
}
