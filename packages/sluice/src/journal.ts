export * from "@sluice/journal"
