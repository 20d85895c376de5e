import { hash } from "node:crypto"
import { SluiceError } from "@sluice/core"
import { canonicalJson } from "../values/plain-json.ts"

/** A text of 132 bits that stand for an item's content and the node's version: equal content, equal fingerprint, whatever the order of its properties. */
export function fingerprint(input: unknown, version: string | undefined, node: string): string {
  const text = canonicalJson(
    input,
    (problem) =>
      new SluiceError(
        "not-serialisable",
        `The input of node "${node}" cannot identify it: ${problem}. Prepare plain data, or give the item a key.`,
        { details: { node } },
      ),
  )
  return hash("sha256", version === undefined ? text : `${version}\n${text}`, "base64").slice(0, 22)
}
