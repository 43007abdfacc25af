/** The page as people see it, in a real browser: on a phone and on a broad screen, light and dark. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pictures } from '../../bench/html/documents.js';
import { renderPage } from '../../bench/html/page.js';
import type { Results } from '../../bench/results.js';
import { Browser, findBrowser } from './browser.js';

const file = findBrowser();
const name = file === undefined ? 'the page in a browser (no chromium or chrome on the path)' : `the page in ${file}`;

const WIDTHS = [390, 1280];
const HEIGHT = 800;

/** Browsers start slowly on a machine that also runs other tests. */
const TIMEOUT_MS = 120_000;

/** Smaller text than this is not for people. */
const LEAST_PIXELS = 10;

/** Of text to what is behind it, as WCAG 2 counts it for text of this size. */
const LEAST_CONTRAST = 4.5;

/** Text elements that are shown, with the size of their letters on the screen. */
const VISIBLE_TEXT = `[...document.querySelectorAll('body *')].filter((one) => one.checkVisibility() && one.closest('title') === null &&
  [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '')).map((one) => {
    const scale = one.closest('svg')?.getScreenCTM().a ?? 1;
    return { text: one.textContent.trim(), pixels: parseFloat(getComputedStyle(one).fontSize) * scale };
  })`;

/** Pairs of lines of text of the same chart that lie on one another, and lines that stick out of their chart. */
const COLLISIONS = `[...document.querySelectorAll('svg.chart')].filter((svg) => svg.checkVisibility()).flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll('text')].map((one) => ({ text: one.textContent, box: one.getBoundingClientRect() }));
  const outside = boxes.filter(({ box }) => box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1);
  const pairs = boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) =>
    a.box.left < b.box.right - 1 && b.box.left < a.box.right - 1 && a.box.top < b.box.bottom - 3 && b.box.top < a.box.bottom - 3)
    .map((b) => a.text + ' / ' + b.text));
  return [...outside.map(({ text }) => 'outside: ' + text), ...pairs];
})`;

const COLOURS = `[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor,
  getComputedStyle(document.querySelector('.faint')).color]`;

type Colour = readonly [number, number, number];

function parseColour(text: string): Colour {
  const [red = 0, green = 0, blue = 0] = [...text.matchAll(/\d+/g)].map(Number);
  return [red, green, blue];
}

function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map((channel) => {
    const share = channel / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function contrast(one: Colour, other: Colour): number {
  const [lighter, darker] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (lighter! + 0.05) / (darker! + 0.05);
}

describe.skipIf(file === undefined)(name, () => {
  const folder = mkdtempSync(join(tmpdir(), 'netmux-page-'));
  const sample = JSON.parse(readFileSync(new URL('sample-results.json', import.meta.url), 'utf8')) as Results;
  const page = join(folder, 'page.html');
  let browser: Browser;

  beforeAll(async () => {
    writeFileSync(page, renderPage(sample));
    browser = await Browser.open(file!);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const width of WIDTHS) {
    for (const dark of [false, true]) {
      test(
        `${width} pixels wide, ${dark ? 'dark' : 'light'}: everything fits, can be read, and nothing else is asked for`,
        async () => {
          const url = pathToFileURL(page).href;
          await browser.show(url, width, HEIGHT, dark);

          expect(await browser.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
          const words = await browser.evaluate<{ text: string; pixels: number }[]>(VISIBLE_TEXT);
          expect(words.length).toBeGreaterThan(100);
          expect(words.filter(({ pixels }) => pixels < LEAST_PIXELS)).toEqual([]);
          expect(await browser.evaluate<string[]>(COLLISIONS)).toEqual([]);

          const [ink, paper, faint] = (await browser.evaluate<string[]>(COLOURS)).map(parseColour);
          expect(luminance(paper!) < 0.5).toBe(dark);
          expect(contrast(ink!, paper!)).toBeGreaterThan(LEAST_CONTRAST);
          expect(contrast(faint!, paper!)).toBeGreaterThan(LEAST_CONTRAST);

          expect(browser.complaints).toEqual([]);
          expect(new Set(browser.requests)).toEqual(new Set([url]));
        },
        TIMEOUT_MS,
      );
    }
  }

  test(
    'each picture of the documents is one that the browser can read, on light and on dark paper of its own',
    async () => {
      for (const [path, svg] of pictures(sample)) {
        const picture = join(folder, path.replaceAll('/', '-'));
        writeFileSync(picture, svg);
        for (const dark of [false, true]) {
          await browser.show(pathToFileURL(picture).href, 600, HEIGHT, dark);
          expect(await browser.evaluate<string>('document.documentElement.localName'), path).toBe('svg');
          expect(await browser.evaluate<number>('document.querySelectorAll("parsererror").length'), path).toBe(0);
          const fill = await browser.evaluate<string>('getComputedStyle(document.querySelector(".paper")).fill');
          expect(luminance(parseColour(fill)) < 0.5, path).toBe(dark);
        }
      }
      expect(browser.complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
