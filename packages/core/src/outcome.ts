/** How one item ended. Every item of a batch has exactly one. */
export type Outcome<T> =
  | { readonly status: "ok"; readonly index: number; readonly value: T; readonly attempts: number }
  | { readonly status: "failed"; readonly index: number; readonly error: unknown; readonly attempts: number }
