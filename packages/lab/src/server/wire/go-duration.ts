/**
 * A duration as Go prints it, which is how OpenAI writes its resets: `120ms`, `1s`, `6m0s`, `1h0m0s`.
 *
 * @example
 * ```ts
 * goDuration(90_500) // => "1m30.5s"
 * ```
 */
export function goDuration(ms: number): string {
  const whole = Math.max(0, Math.ceil(ms))
  if (whole === 0) return "0s"
  if (whole < 1000) return `${whole}ms`
  const hours = Math.floor(whole / 3_600_000)
  const minutes = Math.floor(whole / 60_000) % 60
  const seconds = (whole % 60_000) / 1000
  return `${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${seconds}s`
}
