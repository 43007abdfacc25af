// A reporter of vitest: names the tests that passed only when they were repeated. The others do not tell.
export default class RepeatedReporter {
  onTestCaseResult(test) {
    const { retryCount = 0 } = test.diagnostic() ?? {};
    if (retryCount > 0) console.log(`repeated ${retryCount} ×: ${test.module.relativeModuleId}: ${test.fullName}`);
  }
}
