/**
 * Preload (`node --import`) that sets the clock of JavaScript ahead by `CLOCK_AHEAD_MS`, where libfaketime is not
 * installed. Timers do not change, as on a machine whose clock is wrong.
 */
const aheadMs = Number(process.env['CLOCK_AHEAD_MS'] ?? 0);
const RightDate = Date;
const rightNow = RightDate.now.bind(RightDate);
const now = (): number => rightNow() + aheadMs;

globalThis.Date = new Proxy(RightDate, {
  construct: (target, words: [], newTarget) =>
    Reflect.construct(target, words.length === 0 ? [now()] : words, newTarget) as object,
  apply: () => new RightDate(now()).toString(),
  get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)) as unknown,
});
