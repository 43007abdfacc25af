// A reporter of vitest: names on one line each what a reader of thousands of lines looks for, so that .ci/run can say it again at the end:
// tests that failed, tests that passed only when they were repeated, and what went wrong outside of any test (a rejection that nobody
// handled, a worker that did not end), which makes a run fail without a failed test. Tests that were skipped are named by their group,
// whose name says why.
const LINES_OF_AN_ERROR = 12;

export default class TellingReporter {
  onTestCaseResult(test) {
    const { retryCount = 0 } = test.diagnostic() ?? {};
    if (test.result().state === 'failed') console.log(`failed: ${nameOf(test)}`);
    else if (retryCount > 0) console.log(`repeated ${retryCount} ×: ${nameOf(test)}`);
  }

  /** What failed before or after the tests of a group: none of them is counted as failed. */
  onTestSuiteResult(suite) {
    for (const error of suite.errors()) console.log(`failed: ${nameOf(suite)}: ${summary(error)}`);
  }

  onTestModuleEnd(module) {
    for (const error of module.errors()) console.log(`failed: ${module.relativeModuleId}: ${summary(error)}`);
    const skipped = new Map();
    for (const test of module.children.allTests('skipped')) skipped.set(groupOf(test), [...(skipped.get(groupOf(test)) ?? []), test]);
    for (const [group, tests] of skipped) {
      console.log(`skipped ${tests.length} ×: ${module.relativeModuleId}: ${tests.length === 1 ? tests[0].fullName : group}`);
    }
  }

  onTestRunEnd(_modules, unhandled) {
    for (const error of unhandled) console.log(`failed: outside of any test: ${summary(error)}`);
  }
}

function nameOf(test) {
  return `${test.module.relativeModuleId}: ${test.fullName}`;
}

/** The outermost group of a test, or the test that stands in none. */
function groupOf(one) {
  return one.parent.type === 'module' ? one.name : groupOf(one.parent);
}

/** On one line, with as much of its stack as names the place. */
function summary({ name, message, stack = '' }) {
  const text = stack.includes(message) ? stack : `${name ?? 'Error'}: ${message}\n${stack}`;
  return text
    .split('\n', LINES_OF_AN_ERROR)
    .map((line) => line.trim())
    .join(' | ');
}
