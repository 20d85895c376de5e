import { testExamples } from "../../../scripts/docs/test-examples.ts"

testExamples(
  "providers",
  `import Anthropic from "@anthropic-ai/sdk"
import { createOpenAI, openai } from "@ai-sdk/openai"
import { wrapLanguageModel } from "ai"
import { GoogleGenAI } from "@google/genai"
import OpenAI from "openai"
import { z } from "zod"`,
)
