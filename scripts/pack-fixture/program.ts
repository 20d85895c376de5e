// What `scripts/check-pack.ts` compiles and runs against the installed packages.
import { define } from "sluice"

interface Shared {
  readonly texts: readonly string[]
  lengths: readonly number[]
}

const { batch, flow } = define<Shared>()
const measure = batch({
  name: "measure",
  prep: (shared) => shared.texts,
  exec: async (text) => text.length,
  post: (shared, _texts, lengths) => {
    shared.lengths = lengths
  },
})
const app = flow({ name: "program", nodes: { measure }, start: "measure", edges: {} })

const shared: Shared = { texts: ["one", "three"], lengths: [] }
await app.run(shared)
if (shared.lengths.join(" ") !== "3 5") throw new Error(`expected 3 5, got ${shared.lengths.join(" ")}`)
