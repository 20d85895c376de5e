export const isEventStream = (response: Response): boolean =>
  response.headers.get("content-type")?.includes("text/event-stream") ?? false

export const isJson = (response: Response): boolean => response.headers.get("content-type")?.includes("json") ?? false
