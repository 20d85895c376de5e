// A Worker: `/own` makes its quota in the request, `/global` and `/shared` use one for all of them.
import { limitedFetch } from "sluice"

const options = { requestsPerMinute: { limit: 600, kind: "bucket", burst: 1 } }
const global = limitedFetch(options)
let shared

export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname
    const fetch =
      path === "/own" ? limitedFetch(options) : path === "/global" ? global : (shared ??= limitedFetch(options))
    const ask = async () => {
      const response = await fetch(`${env.BASE}/chat/completions`, {
        method: "POST",
        headers: { authorization: "Bearer any", "content-type": "application/json" },
        body: JSON.stringify({ model: "lab", messages: [{ role: "user", content: "Say hello" }] }),
      })
      await response.body?.cancel()
      return String(response.status)
    }
    const said = await Promise.all([ask(), ask(), ask()]).catch((error) => [String(error)])
    return new Response(said.join(" "))
  },
}
