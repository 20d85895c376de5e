/**
 * The pattern that fits a model best: the name itself, else the pattern with the longest text before its `*`.
 * `*` stands for anything, as often as it occurs.
 *
 * @example
 * ```ts
 * bestPattern(["*", "gpt-*", "gpt-5*"], "gpt-5-mini") // => "gpt-5*"
 * ```
 */
export function bestPattern(patterns: readonly string[], model: string): string | undefined {
  let best: string | undefined
  for (const pattern of patterns) {
    if (pattern === model) return pattern
    if (fits(pattern, model) && (best === undefined || pattern.indexOf("*") > best.indexOf("*"))) best = pattern
  }
  return best
}

function fits(pattern: string, model: string): boolean {
  const [first, ...rest] = pattern.split("*") as [string, ...string[]]
  if (rest.length === 0 || !model.startsWith(first)) return false
  let from = first.length
  const last = rest.pop()!
  for (const piece of rest) {
    const found = model.indexOf(piece, from)
    if (found < 0) return false
    from = found + piece.length
  }
  return model.length - last.length >= from && model.endsWith(last)
}
