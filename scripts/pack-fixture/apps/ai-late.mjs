// What made zod's classes vanish: the AI SDK imported late, beside a library that uses zod as it loads.
import { limitedFetch } from "sluice"

async function main() {
  const { generateText } = await import("ai")
  console.log(typeof limitedFetch({ requestsPerMinute: 600 }), typeof generateText)
}

void main()
