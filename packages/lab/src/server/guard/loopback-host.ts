/** Names and addresses by which a machine reaches itself and nobody else does. */
export const loopbackHost: RegExp = /^(?:127\.\d+\.\d+\.\d+|::1|localhost)$/
