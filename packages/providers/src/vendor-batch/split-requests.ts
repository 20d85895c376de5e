import type { BatchRequest } from "./vendors/batch-vendor.ts"

export interface BatchLimits {
  readonly maxRequests: number
  readonly maxBytes: number
  readonly maxTokens: number
}

/** Splits requests, in order, into pieces that each fit in every limit. One that fits in none is a piece of its own. */
export function splitRequests(
  requests: readonly BatchRequest[],
  limits: BatchLimits,
  sizeOf: (request: BatchRequest) => { readonly bytes: number; readonly tokens: number },
): BatchRequest[][] {
  const pieces: BatchRequest[][] = []
  let piece: BatchRequest[] = []
  let bytes = 0
  let tokens = 0
  for (const request of requests) {
    const size = sizeOf(request)
    const full =
      piece.length === limits.maxRequests ||
      bytes + size.bytes > limits.maxBytes ||
      tokens + size.tokens > limits.maxTokens
    if (piece.length > 0 && full) {
      pieces.push(piece)
      piece = []
      bytes = 0
      tokens = 0
    }
    piece.push(request)
    bytes += size.bytes
    tokens += size.tokens
  }
  if (piece.length > 0) pieces.push(piece)
  return pieces
}
