/** What Perl lets a backslash stand before without a meaning, and JavaScript's strict expressions do not. */
const NEEDLESS_ESCAPE = /[ !"#%&',\-:;<=>@_`~]/;

/**
 * One entry of `allow` or `deny` as an expression that matches all of an address or a name. It is compiled in the strict mode of
 * JavaScript, in which syntax that only Perl has (`\A`, `\z`, `[[:digit:]]`, `a++`) is an error, not another meaning. A leading
 * `(?i)` is understood.
 *
 * @param entry of a RegExp the whole must match, too, as it must of Perl's
 * @throws SyntaxError
 */
export function entryExpression(entry: string | RegExp): RegExp {
  if (entry instanceof RegExp) return new RegExp(`^(?:${entry.source})$`, entry.flags.replace(/[gmy]/g, ''));
  const source = entry.replace(/^\(\?i\)/, '');
  const flags = source === entry ? 'u' : 'iu';
  const strict = source.replace(/\\(.)/gs, (whole, letter: string) =>
    NEEDLESS_ESCAPE.test(letter) ? `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}` : whole,
  );
  new RegExp(strict, flags); // by itself first: `a)(b` would pass within the parentheses
  return new RegExp(`^(?:${strict})$`, flags);
}

/** What is wrong with an entry of `allow` or `deny`, or undefined. */
export function patternProblem(entry: string | RegExp): string | undefined {
  try {
    entryExpression(entry);
    return undefined;
  } catch (error) {
    return `is no regular expression that JavaScript understands: ${(error as Error).message.replace(/^.*\/[a-z]*: /s, '')}`;
  }
}
