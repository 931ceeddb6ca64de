/** What the image sets for the program in it: the benchmark measures what is shipped. A test compares it with `Dockerfile`. */
export const IMAGE_ENVIRONMENT = { MALLOC_ARENA_MAX: '2', NODE_OPTIONS: '--max-semi-space-size=8' } as const;
