export * from "../../packages/providers/src/index.ts"
