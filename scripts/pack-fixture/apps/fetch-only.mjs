// The least app: one function of the library, and no zod of its own.
import { limitedFetch } from "sluice"

async function main() {
  const fetch = limitedFetch({ requestsPerMinute: 600 })
  const response = await fetch(`${process.env.OPENAI_BASE_URL}/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer any", "content-type": "application/json" },
    body: JSON.stringify({ model: "lab", messages: [{ role: "user", content: "Say hello" }] }),
  })
  console.log(response.status, (await response.json()).choices[0].message.content)
}

void main()
