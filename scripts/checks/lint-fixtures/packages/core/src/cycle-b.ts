import type { a } from "./cycle-a.ts"

export const b = (): number => 1

export type A = typeof a
