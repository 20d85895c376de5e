export type InContext = <A extends unknown[], R>(fn: (...args: A) => R, ...args: A) => R

interface AsyncHooks {
  AsyncLocalStorage: { snapshot?: () => InContext }
}
const host = (globalThis as { process?: { getBuiltinModule?: (id: string) => AsyncHooks | undefined } }).process
const Storage = host?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage

/**
 * Answers a function that calls another in the async context of now.
 * What somebody else sets off (a permit that came free, an item before) must not hand down his context.
 */
export function captureContext(): InContext {
  return Storage?.snapshot?.() ?? ((fn, ...args) => fn(...args))
}
