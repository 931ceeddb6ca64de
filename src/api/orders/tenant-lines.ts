/** Waiters in one line per tenant. The lines take turns, so a tenant that sends much waits for itself. */
export interface TenantLines<Waiter> {
  join(tenantId: string, waiter: Waiter): void;
  /** Harmless when the waiter is not in the line. */
  leave(tenantId: string, waiter: Waiter): void;
  /** Removes the first waiter of the tenant whose turn it is; undefined when nobody waits. */
  next(): Waiter | undefined;
  lengthOf(tenantId: string): number;
  /** Tenants with waiters, and this one. */
  tenantsWith(tenantId: string): number;
}

export function createTenantLines<Waiter>(): TenantLines<Waiter> {
  // The first line is the one whose turn it is. Only tenants with waiters have a line.
  const lines = new Map<string, Waiter[]>();
  return {
    join: (tenantId, waiter) => {
      const line = lines.get(tenantId);
      if (line === undefined) lines.set(tenantId, [waiter]);
      else line.push(waiter);
    },
    leave: (tenantId, waiter) => {
      const line = lines.get(tenantId) ?? [];
      const left = line.filter((other) => other !== waiter);
      if (left.length === 0) lines.delete(tenantId);
      else lines.set(tenantId, left);
    },
    next: () => {
      const [first] = lines;
      if (first === undefined) return undefined;
      const [tenantId, line] = first;
      const waiter = line.shift();
      lines.delete(tenantId);
      if (line.length > 0) lines.set(tenantId, line);
      return waiter;
    },
    lengthOf: (tenantId) => lines.get(tenantId)?.length ?? 0,
    tenantsWith: (tenantId) => lines.size + (lines.has(tenantId) ? 0 : 1),
  };
}
