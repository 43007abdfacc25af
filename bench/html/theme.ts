/** Colours, light and dark. Every chart uses them by class, so that the page and the single files can both follow the reader's choice. */

interface Theme {
  readonly paper: string;
  readonly ink: string;
  readonly faint: string;
  readonly line: string;
  readonly series: readonly string[];
}

/**
 * By place in the list of contestants, the same in all charts. Each has a contrast of at least 3 : 1 to its paper; neighbours also
 * differ in their marks, for whom colours look alike.
 */
const LIGHT: Theme = {
  paper: '#ffffff',
  ink: '#1f2328',
  faint: '#59636e',
  line: '#d1d9e0',
  series: [
    '#d9480f',
    '#a06a00',
    '#1a7f37',
    '#0a7a85',
    '#5b8a00',
    '#0969da',
    '#6e7781',
    '#b0136f',
    '#8250df',
    '#7d4e57',
    '#3b6fb5',
    '#8a6d3b',
  ],
};
const DARK: Theme = {
  paper: '#0d1117',
  ink: '#e6edf3',
  faint: '#9aa4ae',
  line: '#30363d',
  series: [
    '#ff8a4c',
    '#e3b341',
    '#56d364',
    '#39c5cf',
    '#a5d64c',
    '#6cb6ff',
    '#8b949e',
    '#f778ba',
    '#d2a8ff',
    '#d0a5ad',
    '#9cc2f2',
    '#d5b98a',
  ],
};

export const SERIES_COUNT = LIGHT.series.length;

function variables({ paper, ink, faint, line, series }: Theme): string {
  const colours = series.map((colour, i) => `--s${i}:${colour};`).join('');
  return `--paper:${paper};--ink:${ink};--faint:${faint};--line:${line};${colours}`;
}

/** @param root what the variables are set on */
export function themeStyle(root: string): string {
  return `${root}{${variables(LIGHT)}}\n@media(prefers-color-scheme:dark){${root}{${variables(DARK)}}}`;
}

/** How the parts of a chart look. */
export const CHART_STYLE = [
  '.chart text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--ink)}',
  '.chart .faint{fill:var(--faint)}',
  '.chart .title{font-weight:600;font-size:14px}',
  '.chart .number{font-variant-numeric:tabular-nums}',
  '.chart .paper{fill:var(--paper)}',
  '.chart .grid{stroke:var(--line);stroke-width:1}',
  '.chart .track{fill:var(--line);opacity:.45}',
  '.chart .spread{stroke:var(--ink);stroke-width:1.5;opacity:.65}',
  '.chart .end{text-anchor:end}',
  '.chart .middle{text-anchor:middle}',
  ...LIGHT.series.map((_, i) => `.chart .s${i}{stroke:var(--s${i})}.chart .f${i}{fill:var(--s${i})}`),
  '.chart polyline{fill:none;stroke-width:1.75}',
  '.chart polyline.s0{stroke-width:3}',
  '.chart .weak{opacity:.45}',
].join('\n');

export function seriesIndex(place: number): number {
  return place % SERIES_COUNT;
}
