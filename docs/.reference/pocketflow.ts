export * from "../../packages/pocketflow/src/index.ts"
