import { cpSync } from "node:fs"
import path from "node:path"
import { defineConfig, type Plugin } from "vitepress"
import { sidebar } from "./sidebar.ts"

const dashboard = "guides/opentelemetry-dashboard.json"

const vueFromHere: Plugin = {
  name: "vue-from-here",
  enforce: "pre",
  resolveId(id, importer, options) {
    if (!/^vue(\/server-renderer)?$/.test(id) || importer?.includes("/docs/.vitepress/")) return null
    return this.resolve(id, import.meta.filename, { ...options, skipSelf: true })
  },
}

// The pages are the repository's own: the README is the first one, and a link that works there works here.
export default defineConfig({
  srcDir: "..",
  // What examples read is no page.
  srcExclude: [
    "packages/**",
    "examples/*/*/**",
    "**/CHANGELOG.md",
    ".changeset/**",
    "scripts/**",
    "docs/.reference/**",
  ],
  rewrites: {
    "README.md": "index.md",
    "examples/:name/README.md": "examples/:name/index.md",
    "docs/:folder/README.md": "docs/:folder/index.md",
  },
  outDir: ".vitepress/dist",
  cacheDir: ".vitepress/cache",
  title: "Sluice",
  description: "Thousands of LLM calls as fast as your vendor's quota allows, and never faster",
  cleanUrls: true,
  lastUpdated: false,
  // Pages outside this folder do not find Vue by themselves.
  vite: { plugins: [vueFromHere] },
  // Linked to, and no page.
  buildEnd: ({ outDir }) =>
    cpSync(path.join(import.meta.dirname, "..", dashboard), path.join(outDir, "docs", dashboard)),
  markdown: {
    // Pages are text: `{{field}}` is a placeholder of a prompt, not of the page. Blocks of code are left alone anyway.
    config: ({ renderer: { rules } }) => {
      for (const rule of ["text", "code_inline"] as const) {
        const plain = rules[rule]!
        rules[rule] = (...token) => plain(...token).replaceAll("{{", "&#123;&#123;")
      }
    },
  },
  themeConfig: {
    sidebar,
    outline: [2, 3],
    search: { provider: "local" },
    nav: [
      { text: "Start", link: "/" },
      { text: "Limits", link: "/docs/limits" },
      { text: "The command", link: "/docs/cli" },
      { text: "Reference", link: "/docs/reference/" },
    ],
  },
})
