// A small part of Markdown, drawn as elements: no HTML of a value ever becomes HTML of the page.
import { Fragment, type ReactNode } from "react";

const CHARS_MAX = 50_000;

export const looksLikeMarkdown = (text: string): boolean => /^#{1,4} \S/m.test(text) || /^\|.+\|\n\|[ :|-]+\|/m.test(text) || (text.match(/^[-*] \S/gm)?.length ?? 0) > 1;

export function safeLink(address: string): string | undefined {
  try {
    const url = new URL(address, "https://relative.invalid");
    return ["http:", "https:", "mailto:"].includes(url.protocol) ? address : undefined;
  } catch {
    return undefined;
  }
}

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^()\s]+)\)/g;

export function inline(text: string): ReactNode[] {
  const found: ReactNode[] = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    found.push(text.slice(at, match.index));
    at = match.index + match[0].length;
    const key = match.index;
    if (match[1] !== undefined) found.push(<code key={key}>{match[1]}</code>);
    else if (match[2] !== undefined) found.push(<strong key={key}>{match[2]}</strong>);
    else if (match[3] !== undefined) found.push(<em key={key}>{match[3]}</em>);
    else {
      const href = safeLink(match[5]);
      found.push(href ? <a key={key} href={href} rel="noreferrer noopener" target="_blank">{match[4]}</a> : match[4]);
    }
  }
  found.push(text.slice(at));
  return found;
}

export function Markdown({ text }: { text: string }) {
  const blocks = text.slice(0, CHARS_MAX).replaceAll("\r", "").split(/\n{2,}|\n(?=#{1,4} )|(?<=^#{1,4} .*)\n/m).filter((block) => block.trim());
  return <div style={{ fontSize: 14 }}>{blocks.map((block, index) => <Fragment key={index}>{drawn(block)}</Fragment>)}</div>;
}

function drawn(block: string): ReactNode {
  const lines = block.trimEnd().split("\n");
  const head = /^(#{1,4}) (.*)$/.exec(lines[0]);
  if (head && lines.length === 1) return <p style={{ fontWeight: 650, fontSize: 20 - 2 * head[1].length, margin: "10px 0 4px" }}>{inline(head[2])}</p>;
  if (lines[0].startsWith("```")) return <pre className="json">{lines.slice(1).filter((line) => !line.startsWith("```")).join("\n")}</pre>;
  if (lines.length > 1 && /^\|[ :|-]+\|$/.test(lines[1].trim())) {
    const cells = (line: string) => line.trim().replace(/^\||\|$/g, "").split("|");
    return (
      <table className="value-table">
        <thead><tr>{cells(lines[0]).map((cell, at) => <th key={at}>{inline(cell.trim())}</th>)}</tr></thead>
        <tbody>{lines.slice(2).map((line, row) => <tr key={row}>{cells(line).map((cell, at) => <td key={at}>{inline(cell.trim())}</td>)}</tr>)}</tbody>
      </table>
    );
  }
  if (lines.every((line) => /^\s*[-*] /.test(line))) return <ul style={{ margin: "4px 0", paddingLeft: 20 }}>{lines.map((line, at) => <li key={at}>{inline(line.replace(/^\s*[-*] /, ""))}</li>)}</ul>;
  return <p style={{ margin: "6px 0" }}>{inline(lines.join(" "))}</p>;
}
