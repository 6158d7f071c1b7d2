/** A square cut out of a picture: `zoom` 1 shows its shorter side whole; x and y move its middle, −1 to 1. */
export interface Crop {
  zoom: number
  x: number
  y: number
}

export interface Size {
  width: number
  height: number
}

/** The square in the picture's own pixels that a crop shows; always inside the picture. */
export function cropSquare({ width, height }: Size, { zoom, x, y }: Crop): { left: number; top: number; edge: number } {
  const edge = Math.min(width, height) / Math.max(1, zoom)
  const along = (length: number, at: number) => ((length - edge) / 2) * (1 + Math.min(1, Math.max(-1, at)))
  return { left: along(width, x), top: along(height, y), edge }
}

/** Moves a crop by pixels of a frame of `frame` pixels, as a hand drags the picture under it. */
export function dragCrop(size: Size, crop: Crop, dx: number, dy: number, frame: number): Crop {
  const { edge } = cropSquare(size, crop)
  const along = (length: number, at: number, by: number) => {
    const room = (length - edge) / 2
    return room > 0 ? Math.min(1, Math.max(-1, at - (by * edge) / frame / room)) : 0
  }
  return { zoom: crop.zoom, x: along(size.width, crop.x, dx), y: along(size.height, crop.y, dy) }
}

/** Draws the square at `edge` pixels; rejects if the browser cannot encode it. */
export async function cutOut(image: HTMLImageElement, crop: Crop, edge: number): Promise<Blob> {
  const square = cropSquare({ width: image.naturalWidth, height: image.naturalHeight }, crop)
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = Math.round(Math.min(edge, Math.max(64, square.edge)))
  const context = canvas.getContext('2d')
  if (!context) throw new Error('no canvas')
  context.imageSmoothingQuality = 'high'
  context.drawImage(image, square.left, square.top, square.edge, square.edge, 0, 0, canvas.width, canvas.height)
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'))
  if (!blob) throw new Error('not encoded')
  return blob
}
