import { z } from "zod"

/** An object with these fields and no others; a misspelt one is told which there are. */
export function strict<S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const known = Object.keys(shape).join(", ")
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys" ? `unknown: ${issue.keys.join(", ")}. Known: ${known}` : undefined,
  })
}

/** Throws a TypeError that begins with `where` and names path, wanted and got. */
export function checkOptions(schema: z.ZodType, where: string, options: unknown): void {
  const issue = schema.safeParse(options).error?.issues[0]
  if (!issue) return
  const { path, message } = deepest(issue)
  const got = path.reduce<unknown>((at, part) => (at as Record<PropertyKey, unknown> | undefined)?.[part], options)
  const shown = typeof got === "object" && got !== null ? "" : ` (got ${JSON.stringify(got) ?? String(got)})`
  throw new TypeError(`${where}: ${[path.join("."), message].filter((part) => part !== "").join(" ")}${shown}`)
}

// Of a union, the branch that got furthest is the one that was meant.
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return issue
  const branches = issue.errors.flat().map((one) => deepest({ ...one, path: [...issue.path, ...one.path] }))
  return branches.reduce((best, one) => (rank(one) > rank(best) ? one : best))
}

function rank({ code, path }: z.core.$ZodIssue): number {
  return path.length + (code === "invalid_type" ? 0 : 0.5)
}
