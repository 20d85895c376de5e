/** Bundles the page with Vite: `node client/bundle.ts [FOLDER]` prints the folder. */
import path from "node:path"
import { bundleClient } from "./bundle-client.ts"

const client = import.meta.dirname
await bundleClient({ client, entry: "main.tsx", base: "./", sources: [client, path.join(client, "../src")] })
