import { crc32, deflateSync } from 'node:zlib'

export type Colour = readonly [red: number, green: number, blue: number]

/** Draws a PNG in the colours of a palette of at most 256. */
export function encodePng(width: number, height: number, palette: readonly Colour[], indexAt: (x: number, y: number) => number): Buffer {
  const rows = Buffer.alloc((width + 1) * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = indexAt(x, y)
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 3, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flat())),
    chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const out = Buffer.alloc(body.length + 8)
  out.writeUInt32BE(data.length, 0)
  body.copy(out, 4)
  out.writeUInt32BE(crc32(body), body.length + 4)
  return out
}

/** Redraws RGBA pixels with the 256 colours that stand for them best: the most frequent ones. */
export function reduced(width: number, height: number, rgba: Uint8Array): Buffer {
  const counts = new Map<number, number>()
  const at = (pixel: number) => rgba[pixel * 4]! << 16 | rgba[pixel * 4 + 1]! << 8 | rgba[pixel * 4 + 2]!
  for (let pixel = 0; pixel < width * height; pixel++) counts.set(at(pixel), (counts.get(at(pixel)) ?? 0) + 1)
  const palette: Colour[] = []
  const nearest = new Map<number, number>()
  // Frequent colours first; one that is all but there already takes no place, so that rare hues find theirs.
  for (const apart of [150, 0]) {
    for (const [colour] of [...counts].sort((a, b) => b[1] - a[1])) {
      if (palette.length === 256) break
      const split = [colour >> 16, colour >> 8 & 255, colour & 255] as const
      if (palette.every((taken) => distance(taken, split) > apart)) palette.push(split)
    }
  }
  for (const colour of counts.keys()) {
    const split = [colour >> 16, colour >> 8 & 255, colour & 255] as const
    let best = 0
    for (let i = 1; i < palette.length; i++) if (distance(palette[i]!, split) < distance(palette[best]!, split)) best = i
    nearest.set(colour, best)
  }
  return encodePng(width, height, palette, (x, y) => nearest.get(at(y * width + x))!)
}

function distance(a: Colour, b: Colour): number {
  return 2 * (a[0] - b[0]) ** 2 + 4 * (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2
}
