export * from "../../packages/sluice/src/index.ts"
