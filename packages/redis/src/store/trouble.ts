/** Why there is no connection, in the system's words; of several addresses that were tried, the first one's. */
export function troubleOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError && error.errors.length > 0) return troubleOf(error.errors[0])
  const { code } = error as { code?: unknown }
  const isNamed = typeof code !== "string" || error.message.includes(code)
  return (isNamed ? error.message : `${error.message} (${code})`).slice(0, 200)
}
