/** What a response says that its body is. */
export function contentTypeOf(response: Response): "events" | "json" | "other" {
  const type = response.headers.get("content-type")
  if (type === null) return "other"
  return type.includes("json") ? "json" : type.includes("text/event-stream") ? "events" : "other"
}
