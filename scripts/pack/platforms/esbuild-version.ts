/** The esbuild that bundles are made and weighed with, as it was tried. */
export const esbuildVersion = "^0.28.2"
