export * from "@sluice/lab"
