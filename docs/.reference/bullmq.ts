export * from "../../packages/bullmq/src/index.ts"
