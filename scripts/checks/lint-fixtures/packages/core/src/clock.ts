import { setTimeout as sleep } from "node:timers/promises"

export const now = (): number => Date.now()
export const precise = (): number => performance.now()
export const chance = (): number => Math.random()
export const signal = (): AbortSignal => AbortSignal.timeout(1)
export const later = (fn: () => void): void => void setTimeout(fn, 1)
export const hidden = (fn: () => void): void => void globalThis.setTimeout(fn, 1)
export const often = (fn: () => void): void => void setInterval(fn, 1)
export const soon = (fn: () => void): void => void setImmediate(fn)
export { sleep }
