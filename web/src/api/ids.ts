/** 128 random bits; also where crypto.randomUUID is not to be had (plain http on another host). */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('')
}
