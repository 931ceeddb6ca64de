/** A promise and what was measured of it. */
export interface Target {
  readonly what: string;
  readonly measured: number;
  readonly unit: string;
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly met: boolean;
}

/** A figure that must not be larger. */
export function atMost(what: string, measured: number, [limit, unit]: readonly [number, string]): Target {
  return { what, measured, unit, atMost: limit, met: measured <= limit };
}

/** A figure that must not be smaller. */
export function atLeast(what: string, measured: number, [limit, unit]: readonly [number, string]): Target {
  return { what, measured, unit, atLeast: limit, met: measured >= limit };
}

/** Rows for a table: what, measured, limit, verdict. */
export function targetRows(part: string, targets: readonly Target[]): string[][] {
  return targets.map(({ what, measured, unit, met, ...limits }) => {
    const limit = limits.atMost === undefined ? `>= ${short(limits.atLeast ?? 0)}` : `<= ${short(limits.atMost)}`;
    return [part, what, `${short(measured)} ${unit}`, `${limit} ${unit}`, met ? 'met' : 'missed'];
  });
}

/** Three digits say everything that a measurement can. */
function short(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}
