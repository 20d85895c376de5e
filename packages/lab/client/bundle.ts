/** Bundles the lab's page with Vite, out of the parts of `packages/page/client`: `node client/bundle.ts [FOLDER]` prints the folder. */
import path from "node:path"
import { bundleClient } from "../../page/client/bundle-client.ts"

const client = import.meta.dirname
await bundleClient({
  client,
  entry: "index.html",
  base: "/lab/",
  sources: [
    client,
    path.join(client, "../src/page"),
    path.join(client, "../../page/client"),
    path.join(client, "../../page/src/chart"),
  ],
})
