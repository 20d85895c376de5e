import { vendors } from "../../vendors/find-vendor.ts"

/** Whether `isBesideModels` has anything to look at: a vendor's host, or a version in the path. It is loaded for that alone. */
export function mayBeBeside({ hostname, pathname }: URL): boolean {
  return /\/v\d/.test(pathname) || vendors.some((vendor) => vendor.hosts(hostname))
}
