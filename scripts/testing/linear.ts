const cpuMs = (run: () => unknown): number => {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** Of less than this nothing can be said: memory that is touched for the first time costs as much. What is quadratic takes seconds. */
const notableMs = 20
const tries = 7

/**
 * How many times as long a text takes that is ten times as long: some 10 where time grows with length, 100 where with its square; 0 where
 * even the longer one takes next to nothing. Processor time, and the best of several tries: a busy machine says nothing.
 */
export function timesAsLong(
  use: (text: string) => unknown,
  textOf: (length: number) => string,
  length: number,
): number {
  const [short, long] = [textOf(length / 10), textOf(length)]
  let least = Infinity
  for (let attempt = 0; attempt < tries && least > mostTimesAsLong; attempt++) {
    const longMs = cpuMs(() => use(long))
    if (longMs < notableMs) return 0
    const shortMs = cpuMs(() => {
      for (let time = 0; time < 10; time++) use(short)
    })
    least = Math.min(least, (10 * longMs) / shortMs)
  }
  return least
}

/** In the middle between 10 and 100: memory and the garbage collector make a megabyte up to half as dear again on a busy machine. */
export const mostTimesAsLong = 30
