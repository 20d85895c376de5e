export * from "../../packages/scheduler/src/index.ts"
