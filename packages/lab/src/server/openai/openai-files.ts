import type { FastifyInstance } from "fastify"
import { BadRequest } from "../wire/model-call.ts"
import type { VendorState } from "../vendor-state.ts"
import type { VendorMemory } from "../vendor-memory.ts"

/** A file as the API shows it. */
export interface FileObject {
  readonly id: string
  readonly object: "file"
  readonly bytes: number
  readonly created_at: number
  readonly filename: string
  readonly purpose: string
  readonly status: "processed"
}

interface StoredFile {
  readonly object: FileObject
  readonly content: Buffer
}

/** `POST /v1/files` (multipart), `GET` and `DELETE /v1/files/{id}`, `GET /v1/files`, `GET /v1/files/{id}/content`. Kept in memory. */
export function registerFiles(app: FastifyInstance, state: VendorState): void {
  const byId = (params: unknown): StoredFile => fileById(state.memory, (params as { id: string }).id)

  app.post("/v1/files", async (request) => {
    const form = await readForm(request.headers["content-type"], request.body)
    const file = form.get("file")
    const purpose = form.get("purpose")
    if (file === null || typeof file === "string") throw new BadRequest("'file' is a required property", "file")
    if (typeof purpose !== "string") throw new BadRequest("'purpose' is a required property", "purpose")
    const content = Buffer.from(await file.arrayBuffer())
    const id = state.memory.nextId("file-")
    // What batches write is in proportion to what they were given.
    state.memory.keep(id, content.length)
    return storeFile(state, file.name, purpose, content, id)
  })
  app.get("/v1/files", () => {
    const data = [...files(state.memory).values()].map(({ object }) => object).toReversed()
    return { object: "list", data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: false }
  })
  app.get("/v1/files/:id", ({ params }) => byId(params).object)
  app.get("/v1/files/:id/content", ({ params }, reply) =>
    reply.type("application/octet-stream").send(byId(params).content),
  )
  app.delete("/v1/files/:id", ({ params }) => {
    const { id } = byId(params).object
    files(state.memory).delete(id)
    state.memory.forget(id)
    return { id, object: "file", deleted: true }
  })
}

export function storeFile(
  { memory, clock }: VendorState,
  filename: string,
  purpose: string,
  content: Buffer,
  id: string = memory.nextId("file-"),
): FileObject {
  const object: FileObject = {
    id,
    object: "file",
    bytes: content.length,
    created_at: Math.floor(clock.wallNow() / 1000),
    filename,
    purpose,
    status: "processed",
  }
  files(memory).set(object.id, { object, content })
  return object
}

/** Throws a 404 when there is none. */
export function fileById(memory: VendorMemory, id: string): StoredFile {
  const file = files(memory).get(id)
  if (file === undefined) throw new BadRequest(`No such File object: ${id}`, "id", 404)
  return file
}

function files(memory: VendorMemory): Map<string, StoredFile> {
  return memory.shelf("openai-files")
}

async function readForm(contentType: string | undefined, body: unknown): Promise<FormData> {
  if (!contentType?.startsWith("multipart/form-data") || !Buffer.isBuffer(body)) {
    throw new BadRequest("The request must be multipart/form-data with 'file' and 'purpose'.")
  }
  try {
    return await new Response(new Uint8Array(body), { headers: { "content-type": contentType } }).formData()
  } catch {
    throw new BadRequest("Could not parse multipart form")
  }
}
