export * from "../../packages/journal/src/index.ts"
