import { withoutKeys } from "../failure/without-keys.ts"

const readers = ["json", "text", "bytes", "arrayBuffer", "blob", "formData"] as const

/**
 * The same response, of which no error of reading shows a key: a parser quotes what it could not read, in which the vendor may have
 * echoed one. Of its stream the bytes are the caller's own, as they come.
 */
export function quietReading(response: Response, hide: (text: string) => string): Response {
  const own: Record<string, unknown> = {}
  for (const name of readers) {
    const read = response[name] as (() => Promise<unknown>) | undefined
    own[name] = async (): Promise<unknown> => {
      try {
        return await read?.call(response)
      } catch (error) {
        throw withoutKeys(error, hide)
      }
    }
  }
  const clone = response.clone
  own["clone"] = (): Response => quietReading(clone.call(response), hide)
  for (const [name, value] of Object.entries(own)) Object.defineProperty(response, name, { value, configurable: true })
  return response
}
