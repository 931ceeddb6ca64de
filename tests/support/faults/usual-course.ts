/**
 * For tests that list the tries of an order in its usual course. A busy machine may hold up one try beyond its limit of
 * 1.5 to 3 s; then the order takes another course, which other tests are about. So such a test has three chances: what
 * it says must be possible, and a fault of ours fails all three.
 */
export const USUAL_COURSE = { retry: 2 } as const;
