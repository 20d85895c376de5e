export * from "@sluice/scheduler"
