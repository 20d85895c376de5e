export * from "@sluice/providers"
