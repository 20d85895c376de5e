export * from "../../packages/lab/src/index.ts"
