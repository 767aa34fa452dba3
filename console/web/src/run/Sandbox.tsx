// HTML that somebody's code wrote: in a frame of its own that runs no script, loads nothing and sees nothing of this page.
import { useState } from "react";

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:";

/** The policy comes first, so that it holds for all that follows. */
export const framed = (html: string): string => `<!doctype html><meta http-equiv="Content-Security-Policy" content="${POLICY}"><meta name="color-scheme" content="light">${html}`;

export function Sandbox({ html, title }: { html: string; title: string }) {
  const [height, setHeight] = useState(360);
  return (
    <div>
      <iframe sandbox="" srcDoc={framed(html)} title={title} style={{ width: "100%", height, border: "1px solid var(--line)", borderRadius: 6, background: "#fff" }} />
      <button type="button" className="quiet" onClick={() => setHeight(height === 360 ? 900 : 360)}>{height === 360 ? "Higher" : "Lower"}</button>
    </div>
  );
}
