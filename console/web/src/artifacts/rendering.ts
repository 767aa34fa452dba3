// What a renderer returned, checked: a team's code wrote it.

export type Rendering = { kind: "markdown" | "html" | "image"; text: string } | { kind: "vega_lite" | "table"; json: unknown };

const CHARS_MAX = 4 * 2 ** 20;
// By the first characters of their base64. No SVG: it is a document of its own.
const IMAGES: Record<string, string> = { iVBOR: "image/png", "/9j/": "image/jpeg", R0lGO: "image/gif", UklGR: "image/webp" };

/** The type of a picture in base64; throws where it is none. */
export function imageType(base64: string): string {
  const found = Object.entries(IMAGES).find(([start]) => base64.startsWith(start));
  if (!found || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw new Error("the picture is no PNG, JPEG, GIF or WebP file");
  return found[1];
}

/** Read the outputs of a renderer; a long content is an artifact, which `load` gets. */
export async function renderingOf(outputs: Record<string, unknown>, load: (href: string) => Promise<unknown>): Promise<Rendering> {
  const { kind, content } = outputs;
  const stored = content as { artifact?: unknown } | null;
  const text = typeof stored === "object" && typeof stored?.artifact === "string" ? await load(`/v1/artifacts/${encodeURIComponent(stored.artifact)}`) : content;
  if (typeof text !== "string" || text.length > CHARS_MAX) throw new Error("the renderer returned no text of at most 4 MiB");
  if (kind === "image") imageType(text);
  if (kind === "markdown" || kind === "html" || kind === "image") return { kind, text };
  if (kind === "vega_lite" || kind === "table") return { kind, json: JSON.parse(text) as unknown };
  throw new Error(`the renderer returned a rendering of the unknown kind ${JSON.stringify(kind)}`);
}
