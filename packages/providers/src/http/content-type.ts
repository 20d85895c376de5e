/** What a response says that its body is. */
export function contentTypeOf(response: Response): "events" | "json" | "other" {
  const type = response.headers.get("content-type")
  // A stream of JSON lines is no JSON.
  if (type === null || /ndjson|jsonl|json-seq/.test(type)) return "other"
  return type.includes("json") ? "json" : type.includes("text/event-stream") ? "events" : "other"
}
