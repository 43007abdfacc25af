// A reporter of vitest: names on one line each what a reader of thousands of lines looks for, so that .ci/run can say it again at the end:
// tests that failed, tests that passed only when they were repeated, and what went wrong outside of any test (a rejection that nobody
// handled, a worker that did not end), which makes a run fail without a failed test.
const LINES_OF_AN_ERROR = 12;

export default class TellingReporter {
  onTestCaseResult(test) {
    const { retryCount = 0 } = test.diagnostic() ?? {};
    if (test.result().state === 'failed') console.log(`failed: ${nameOf(test)}`);
    else if (retryCount > 0) console.log(`repeated ${retryCount} ×: ${nameOf(test)}`);
  }

  onTestRunEnd(modules, unhandled) {
    for (const module of modules) {
      for (const error of module.errors()) console.log(`failed: ${module.relativeModuleId}: ${summary(error)}`);
    }
    for (const error of unhandled) console.log(`failed: outside of any test: ${summary(error)}`);
  }
}

function nameOf(test) {
  return `${test.module.relativeModuleId}: ${test.fullName}`;
}

/** On one line, with as much of its stack as names the place. */
function summary({ name, message, stack = '' }) {
  const text = stack.includes(message) ? stack : `${name ?? 'Error'}: ${message}\n${stack}`;
  return text
    .split('\n', LINES_OF_AN_ERROR)
    .map((line) => line.trim())
    .join(' | ');
}
