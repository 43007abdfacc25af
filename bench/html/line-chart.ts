/** Lines over steps: throughput by connections, latency by percentile. */
import { type Drawn, frame, heading, LINE_HEIGHT, legend, MARGIN, mark, round } from './chart.js';
import { compactNumber, linearScale, logarithmicScale, type Scale, stepScale } from './scale.js';
import { element, text, textWidth } from './svg.js';
import { seriesIndex } from './theme.js';

export interface Point {
  /** Which of the steps. */
  readonly step: number;
  readonly value: number;
  readonly least: number;
  readonly most: number;
}

export interface Line {
  readonly name: string;
  /** In the list of contestants: its colour and its mark. */
  readonly place: number;
  readonly points: readonly Point[];
}

export interface LineChart {
  readonly title: string;
  /** What is up and what is across, with units. */
  readonly explanation: string;
  readonly steps: readonly string[];
  readonly lines: readonly Line[];
  readonly logarithmic: boolean;
}

const HEIGHT = 250;

const SPREAD_SHIFT = 1.5;

function scaleOf(chart: LineChart): Scale {
  const points = chart.lines.flatMap((line) => line.points);
  const most = Math.max(...points.map((point) => point.most));
  if (!chart.logarithmic) return linearScale(most);
  return logarithmicScale(Math.min(...points.map((point) => point.least)), most);
}

interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function grid(chart: LineChart, scale: Scale, area: Area): Drawn {
  const parts: string[] = [];
  for (const tick of scale.ticks) {
    const y = area.bottom - scale.place(tick) * (area.bottom - area.top);
    parts.push(element('line', { class: 'grid', x1: area.left, x2: area.right, y1: y, y2: y }));
    parts.push(text(area.left - 6, y + 4, compactNumber(tick), { class: 'faint number end' }));
  }
  const across = stepScale(chart.steps.length);
  chart.steps.forEach((step, i) => {
    const x = area.left + across(i) * (area.right - area.left);
    parts.push(text(x, area.bottom + LINE_HEIGHT, step, { class: 'faint number middle' }));
  });
  return { svg: parts.join(''), bottom: area.bottom + LINE_HEIGHT };
}

export function drawLineChart(chart: LineChart, width: number): string {
  const head = heading(chart.title, chart.explanation, width);
  const scale = scaleOf(chart);
  const left = MARGIN + Math.max(...scale.ticks.map((tick) => textWidth(compactNumber(tick)))) + 6;
  const area = { left, right: width - MARGIN, top: head.bottom, bottom: head.bottom + HEIGHT };
  const axes = grid(chart, scale, area);
  const key = legend(chart.lines, axes.bottom, width);
  const across = stepScale(chart.steps.length);
  const lines = chart.lines.map((line, i) => {
    const places = line.points.map((point) => ({
      // Spreads that lie on one another would hide all but one: each is a little to the side.
      x: area.left + across(point.step) * (area.right - area.left) + (i - (chart.lines.length - 1) / 2) * SPREAD_SHIFT,
      y: (value: number): number => area.bottom - scale.place(value) * (area.bottom - area.top),
      point,
    }));
    const colour = seriesIndex(line.place);
    const path = places.map(({ x, y, point }) => `${round(x)},${round(y(point.value))}`).join(' ');
    const spreads = places.map(({ x, y, point }) =>
      element('line', { class: `s${colour} weak`, 'stroke-width': 2, x1: x, x2: x, y1: y(point.least), y2: y(point.most) }),
    );
    const marks = places.map(({ x, y, point }) => mark(line.place, x, y(point.value)));
    return element('polyline', { class: `s${colour}`, points: path }) + spreads.join('') + marks.join('');
  });
  // The first one is what the chart is about: it lies on top.
  return frame(chart.title, width, key.bottom, head.svg + axes.svg + lines.reverse().join('') + key.svg);
}
