/** What the charts share: frame, heading, legend, marks. */
import { type Attributes, element, escapeText, FONT_SIZE, text, textWidth, wrap } from './svg.js';
import { CHART_STYLE, seriesIndex, themeStyle } from './theme.js';

export const MARGIN = 12;
export const LINE_HEIGHT = 17;
const TITLE_SIZE = 14;

/** Part of a chart that was drawn, and where the next one begins. */
export interface Drawn {
  readonly svg: string;
  readonly bottom: number;
}

/** Title and what is on the axis, from the top. */
export function heading(title: string, explanation: string, width: number): Drawn {
  const room = width - 2 * MARGIN;
  const lines = [
    ...wrap(title, room, TITLE_SIZE).map((content) => ({ content, look: 'title' })),
    ...wrap(explanation, room).map((content) => ({ content, look: 'faint' })),
  ];
  const baseline = (index: number): number => MARGIN + (index + 1) * LINE_HEIGHT;
  const svg = lines.map(({ content, look }, i) => text(MARGIN, baseline(i), content, { class: look })).join('');
  return { svg, bottom: baseline(lines.length - 1) + MARGIN };
}

const MARK = 4.5;

/** A mark of its own for each place, besides its colour. */
export function mark(place: number, x: number, y: number): string {
  const attributes = { class: `f${seriesIndex(place)}` };
  const polygon = (...points: readonly (readonly [number, number])[]): string =>
    element('polygon', { ...attributes, points: points.map(([dx, dy]) => `${round(x + dx * MARK)},${round(y + dy * MARK)}`).join(' ') });
  switch (place % 5) {
    case 0:
      return element('circle', { ...attributes, cx: x, cy: y, r: MARK });
    case 1:
      return element('rect', { ...attributes, x: x - MARK * 0.85, y: y - MARK * 0.85, width: MARK * 1.7, height: MARK * 1.7 });
    case 2:
      return polygon([0, -1.1], [1.1, 0.9], [-1.1, 0.9]);
    case 3:
      return polygon([0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]);
    default:
      return polygon([0, 1.1], [1.1, -0.9], [-1.1, -0.9]);
  }
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

export interface LegendEntry {
  readonly name: string;
  readonly place: number;
}

const MARK_ROOM = 16;

/** In as many lines as it needs, from `top`. */
export function legend(entries: readonly LegendEntry[], top: number, width: number): Drawn {
  const parts: string[] = [];
  let x = MARGIN;
  let y = top + LINE_HEIGHT;
  for (const { name, place } of entries) {
    const needed = MARK_ROOM + textWidth(name) + MARGIN;
    if (x > MARGIN && x + needed > width) {
      x = MARGIN;
      y += LINE_HEIGHT;
    }
    parts.push(mark(place, x + MARK, y - FONT_SIZE / 3), text(x + MARK_ROOM, y, name));
    x += needed;
  }
  return { svg: parts.join(''), bottom: y + MARGIN };
}

/** A chart to stand in a page that has the styles. */
export function frame(label: string, width: number, height: number, content: string, attributes: Attributes = {}): string {
  const title = `<title>${escapeText(label)}</title>`;
  return element('svg', { class: 'chart', viewBox: `0 0 ${round(width)} ${round(height)}`, role: 'img', ...attributes }, title + content);
}

/** The same as a file of its own: it brings its styles and its paper along, since nobody knows what it will lie on. */
export function standalone(svg: string): string {
  const size = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg);
  const [width, height] = [size?.[1] ?? '0', size?.[2] ?? '0'];
  const style = `<style>\n${themeStyle('.chart')}\n${CHART_STYLE}\n</style>`;
  const paper = element('rect', { class: 'paper', width, height, rx: 6 });
  return `${svg
    .replace('<svg ', `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" `)
    .replace('</title>', `</title>${style}${paper}`)}\n`;
}
