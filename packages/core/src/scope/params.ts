/** What identifies one run of a sub-flow, e.g. `{ filename: "a.md" }`. Merged parent-first, frozen. */
export type Params = Readonly<Record<string, unknown>>
