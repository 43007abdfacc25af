/** Horizontal bars, each under its name: bytes, or CPU time in two parts. */
import { frame, heading, LINE_HEIGHT, MARGIN, round } from './chart.js';
import { linearScale } from './scale.js';
import { element, FONT_SIZE, text } from './svg.js';
import { seriesIndex } from './theme.js';

export interface Bar {
  readonly name: string;
  /** In the list of contestants: its colour. */
  readonly place: number;
  /** One behind the other; the first is drawn full, the second weak. */
  readonly parts: readonly number[];
  readonly least: number;
  readonly most: number;
  /** Behind the name. */
  readonly figure: string;
}

export interface BarChart {
  readonly title: string;
  readonly explanation: string;
  readonly bars: readonly Bar[];
}

const BAR_HEIGHT = 11;
const GAP = 9;

export function drawBarChart(chart: BarChart, width: number): string {
  const head = heading(chart.title, chart.explanation, width);
  const room = width - 2 * MARGIN;
  const length = (bar: Bar): number => bar.parts.reduce((sum, part) => sum + part, 0);
  const scale = linearScale(Math.max(...chart.bars.map((bar) => Math.max(bar.most, length(bar)))));
  const place = (value: number): number => MARGIN + scale.place(Math.max(0, value)) * room;
  const parts: string[] = [];
  let y = head.bottom - GAP;
  for (const bar of chart.bars) {
    y += LINE_HEIGHT;
    parts.push(text(MARGIN, y, bar.name), text(width - MARGIN, y, bar.figure, { class: 'number end' }));
    const top = y + FONT_SIZE / 2;
    parts.push(element('rect', { class: 'track', x: MARGIN, y: top, width: room, height: BAR_HEIGHT, rx: 2 }));
    let begin = 0;
    bar.parts.forEach((part, i) => {
      const [x, end] = [place(begin), place(begin + part)];
      const colour = `f${seriesIndex(bar.place)}${i === 0 ? '' : ' weak'}`;
      parts.push(element('rect', { class: colour, x, y: top, width: round(end - x), height: BAR_HEIGHT }));
      begin += part;
    });
    if (bar.most > bar.least) {
      const middle = top + BAR_HEIGHT / 2;
      parts.push(element('line', { class: 'spread', x1: place(bar.least), x2: place(bar.most), y1: middle, y2: middle }));
    }
    y = top + BAR_HEIGHT + GAP;
  }
  return frame(chart.title, width, y + MARGIN - GAP, head.svg + parts.join(''));
}
