const { platform, arch } = process

/** The package by which npm brings Node itself to this machine. */
export const nodePackage: string = `node-${platform === "win32" ? "win" : platform}-${arch}`
