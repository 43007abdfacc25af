/** Small pieces of SVG: elements, escaped text, and how wide text will be. */

export type Attributes = Readonly<Record<string, string | number>>;

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** For content and for attributes in double quotes, of SVG and of HTML. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character]!);
}

/** Two digits are less than what a screen shows, and keep the file small. */
function shortNumber(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function attributeText(attributes: Attributes): string {
  return Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${typeof value === 'number' ? shortNumber(value) : escapeText(value)}"`)
    .join('');
}

/** @param content SVG, not text: see `text` */
export function element(name: string, attributes: Attributes, content = ''): string {
  return content === '' ? `<${name}${attributeText(attributes)}/>` : `<${name}${attributeText(attributes)}>${content}</${name}>`;
}

/** One line of text; its baseline is at y. */
export function text(x: number, y: number, content: string, attributes: Attributes = {}): string {
  return element('text', { x, y, ...attributes }, escapeText(content));
}

export const FONT_SIZE = 12;

/** Nobody can measure text here: the fonts are the reader's. Most of them are narrower than this. */
const WIDTH_PER_CHARACTER = 0.58;

export function textWidth(content: string, size = FONT_SIZE): number {
  return [...content].length * size * WIDTH_PER_CHARACTER;
}

/** Words in lines of at most that width. */
export function wrap(content: string, width: number, size = FONT_SIZE): string[] {
  const lines: string[] = [];
  for (const word of content.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && textWidth(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
