/** An amount as people read it: two digits after the point at most. */
export const round = (value: number): string => (Math.round(value * 100) / 100).toLocaleString("en-US")

/** A time in milliseconds, in seconds. */
export const seconds = (ms: number): string => `${round(ms / 1_000)} s`
