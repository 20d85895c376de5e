/** What a response says that its body is. */
export function contentTypeOf(response: Response): "events" | "lines" | "json" | "other" {
  const type = response.headers.get("content-type")
  if (type === null) return "other"
  // Those are streams, and no JSON.
  if (/ndjson|jsonl/.test(type)) return "lines"
  if (type.includes("json-seq")) return "other"
  return type.includes("json") ? "json" : type.includes("text/event-stream") ? "events" : "other"
}
