/** The `npx` line of the README that ends in `pnpm <script>`: what newcomers type is what is checked. */
export function readmeCommand(readme: string, script: string): string {
  const command = readme.match(new RegExp(`^npx .*pnpm ${script}$`, "m"))?.[0]
  if (!command) throw new Error(`README.md has no line "npx … pnpm ${script}"`)
  return command
}
