/** The part of `package-lock.json` that names licences; keys are folders, for example `node_modules/pg`. */
export interface LicensedLock {
  readonly packages: Readonly<Record<string, LicensedPackage>>;
}

interface LicensedPackage {
  /** An SPDX expression, for example `MIT` or `(MIT OR Apache-2.0)`. */
  readonly license?: string;
  /** Needed by development only. */
  readonly dev?: boolean;
  /** A folder of this project. */
  readonly link?: boolean;
}

/** Licences under which a package may be part of an image that is given to others, without a duty beyond their text. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC-BY-4.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Unlicense',
]);

/** Packages whose manifest says less than their licence file, which was read. */
const READ_BY_A_PERSON: Readonly<Record<string, string>> = {
  // The manifest has the old name of the MIT licence.
  'node_modules/nub': 'MIT',
  // The manifest names none; the licence file is the Unlicense.
  'node_modules/unionfs': 'Unlicense',
};

/** Packages of a production install whose licence is not allowed or not known, in words; empty when there are none. */
export function licenseProblems({ packages }: LicensedLock): string[] {
  return Object.entries(packages)
    .filter(([folder, { dev, link }]) => isOfRegistry(folder) && !(dev ?? link ?? false))
    .flatMap(([folder, { license }]) => {
      const known = READ_BY_A_PERSON[folder] ?? license;
      if (known !== undefined && isAllowed(known)) return [];
      return [
        `package-lock.json: ${folder} has the licence ${known ?? '(none)'}, which is not on the list of tools/license-problems.ts`,
      ];
    });
}

function isOfRegistry(folder: string): boolean {
  return folder.startsWith('node_modules/') || folder.includes('/node_modules/');
}

/** One of the alternatives must be allowed with all its parts. */
function isAllowed(expression: string): boolean {
  const alternatives = expression.replaceAll(/[()]/g, '').split(' OR ');
  return alternatives.some((alternative) => alternative.split(' AND ').every((part) => ALLOWED.has(part)));
}
