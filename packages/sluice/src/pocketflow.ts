export * from "@sluice/pocketflow"
