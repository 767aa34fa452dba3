// Colours of terminals (SGR). Every other escape sequence is left out.

export interface Piece {
  text: string;
  colour?: number;
  bold?: boolean;
}

// oxlint-disable-next-line no-control-regex
const ESCAPE = /\u001b(?:\[([0-9;?]*)([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

export function pieces(line: string): Piece[] {
  if (!line.includes("\u001b")) return [{ text: line.replace(CONTROL, "") }];
  const found: Piece[] = [];
  let look: Omit<Piece, "text"> = {};
  let at = 0;
  const add = (end: number) => {
    const text = line.slice(at, end).replace(CONTROL, "");
    if (text) found.push({ text, ...look });
  };
  for (const match of line.matchAll(ESCAPE)) {
    add(match.index);
    at = match.index + match[0].length;
    if (match[2] === "m") look = after(look, (match[1] || "0").split(";").map(Number));
  }
  add(line.length);
  return found;
}

function after(look: Omit<Piece, "text">, codes: number[]): Omit<Piece, "text"> {
  let next = { ...look };
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index];
    if (code === 0) next = {};
    else if (code === 1) next.bold = true;
    else if (code === 22) delete next.bold;
    else if (code >= 30 && code <= 37) next.colour = code - 30;
    else if (code >= 90 && code <= 97) next.colour = code - 90;
    else if (code === 39) delete next.colour;
    else if (code === 38 || code === 48) index += codes[index + 1] === 5 ? 2 : 4; // 256 colours and RGB: not shown
  }
  return next;
}

export const plain = (line: string): string => pieces(line).map((piece) => piece.text).join("");
