import type { DatabaseRole } from '../../../db/roles/grants.ts';

/** The login of the tests that is a member of a role; its password is its name. */
export function loginOf(role: DatabaseRole): string {
  return `${role}_login`;
}

/** The URL of the same database for a member of a role. */
export function urlAs(role: DatabaseRole, databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.username = loginOf(role);
  url.password = loginOf(role);
  return url.href;
}
