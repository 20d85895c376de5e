export * from "../../packages/page/src/index.ts"
