/** More edits than this are another word, not a slip. */
const MAX_EDITS = 2;

/**
 * The name that was probably meant: the one that takes the fewest edits, also where another style of writing was used.
 * @returns undefined if none is near
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const wanted = inSnakeCase(name);
  let nearest: string | undefined;
  let least = Math.min(MAX_EDITS, Math.ceil(wanted.length / 3)) + 1;
  for (const candidate of known) {
    const written = inSnakeCase(candidate);
    if (Math.abs(written.length - wanted.length) >= least) continue;
    const edits = editsBetween(wanted, written);
    if (edits < least) [least, nearest] = [edits, candidate];
  }
  return nearest;
}

/** What a message about an unknown name ends with. */
export function suggestion(meant: string | undefined): string {
  return meant === undefined ? '' : ` (did you mean ${meant}?)`;
}

function inSnakeCase(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase();
}

/** Letters to be inserted, deleted, replaced or exchanged with their neighbours. */
function editsBetween(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const line = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      line[column] = Math.min(
        above[column]! + 1,
        line[column - 1]! + 1,
        above[column - 1]! + same,
        swapped ? before[column - 2]! + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [before, above] = [above, line];
  }
  return above[b.length]!;
}
